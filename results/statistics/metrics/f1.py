"""The mean F1 of the classes."""

from results.statistics import confusion
from results.statistics.metrics.base import OfCounts

METRIC = OfCounts(
    "Macro F1",
    meaning="Mean over the classes of F1, which joins the share found with the share right among those predicted.",
    order=30,
    every_class=True,
    lowest=0,
    highest=1,
    formula=confusion.macro_f1,
)
