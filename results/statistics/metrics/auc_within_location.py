"""Area under the ROC curve among samples at one place in the body."""

from results.statistics.metrics.base import OfPairs

METRIC = OfPairs(
    "AUC",
    meaning="AUC that compares only samples at the same place in the body. It shows what the image adds to the place.",
    order=50,
    within=True,
)
