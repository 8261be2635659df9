"""Area under the precision-recall curve."""

from results.statistics.metrics.base import OfPairs

METRIC = OfPairs(
    "Average precision",
    meaning="Mean precision at each sample with the finding, within a fold. By chance it is the share of such samples.",
    order=60,
    shown=False,
    precision=True,
    note=(
        "Average precision in resamples: the copies of a row come one after another and are no ties. Its mean over "
        "small folds is higher than on many samples, so compare it only between rows of this table."
    ),
    reference="J. Davis and M. Goadrich, 2006, doi:10.1145/1143844.1143874",
)
