"""The report of a run: one HTML page."""

from results.report.page import write_drawn, write_report

__all__ = ["write_drawn", "write_report"]
