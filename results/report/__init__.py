"""One page that holds all that a run says."""

from results.report.page import write_report

__all__ = ["write_report"]
