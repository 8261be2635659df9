"""The mean distance of the predicted grade from the true one."""

from results.statistics import confusion
from results.statistics.metrics.base import OfCounts

METRIC = OfCounts(
    "Mean absolute error",
    meaning="Mean distance between the true and the predicted grade, in grades. Lower is better.",
    order=110,
    ordinal=True,
    lower_is_better=True,
    lowest=0,
    of_samples=True,
    formula=confusion.mean_absolute_error,
)
