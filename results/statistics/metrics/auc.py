"""Area under the ROC curve."""

from results.statistics.metrics.base import OfPairs

METRIC = OfPairs(
    "AUC",
    meaning="How often a sample with the finding ranks above one without it, within a fold. 0.5 is chance.",
    order=40,
    reference="J. A. Hanley and B. J. McNeil, 1982, doi:10.1148/radiology.143.1.7063747",
)
