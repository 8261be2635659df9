"""Matthews' correlation coefficient."""

from results.statistics import confusion
from results.statistics.metrics.base import OfCounts

METRIC = OfCounts(
    "MCC",
    meaning="Correlation of true and predicted classes: 1 if all are right, 0 by chance.",
    order=70,
    shown=False,
    reference="J. Gorodkin, 2004, doi:10.1016/j.compbiolchem.2004.09.006",
    lowest=-1,
    highest=1,
    formula=confusion.matthews,
)
