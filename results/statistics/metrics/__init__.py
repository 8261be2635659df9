"""The metrics: one file each, found by existing."""

from results.found import Found
from results.statistics.metrics.base import AnyMetric, OfCounts, OfPairs, OfRows

METRICS: Found[AnyMetric] = Found("results.statistics.metrics", "METRIC", (OfCounts, OfRows, OfPairs), "metric")
"""Every metric by its name, in the order of tables."""
