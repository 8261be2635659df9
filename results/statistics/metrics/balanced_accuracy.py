"""The mean recall of the classes."""

from results.statistics import confusion
from results.statistics.metrics.base import OfCounts

METRIC = OfCounts(
    "Balanced accuracy",
    meaning="Mean over the classes of the share of their samples that is found.",
    order=20,
    every_class=True,
    lowest=0,
    highest=1,
    formula=confusion.balanced_accuracy,
)
