"""The error of a plan."""

from __future__ import annotations

from bench.grid.misfit import GridMisfitError


class PlanError(GridMisfitError):
    """A grid that can't be run on this dataset; the message gives a way out."""
