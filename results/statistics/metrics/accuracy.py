"""The share of samples that are predicted right."""

from results.statistics import confusion
from results.statistics.metrics.base import OfCounts

METRIC = OfCounts(
    "Accuracy",
    meaning="Share of samples whose predicted class is right. Compare it with balanced accuracy and the floor prior.",
    order=10,
    lowest=0,
    highest=1,
    of_samples=True,
    formula=confusion.accuracy,
)
