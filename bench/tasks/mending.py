"""Which entries of the store must be made again though the fits that came from them are done."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bench.plan.plan import Plan
from bench.plan.references import Fit, PlannedCell
from bench.tasks.entries import NOTE
from bench.tasks.found_points import POINTS_QUALITY, TRAINING_QUALITY
from bench.tasks.reading import is_read
from bench.tasks.store import INDEX, Store

RATINGS = ("fillings", "qualities")
"""Kinds that are read into the tables of every run; others are kept there, or are read when something is fitted."""
_Part = Collection[str] | None


def lost_entries(plan: Plan, store: Store, cells: Collection[PlannedCell]) -> frozenset[tuple[str, str]]:
    """The entries of some cells that were damaged and set aside, now or earlier, and the ratings that are missing.

    What was removed from the store otherwise is made again when something needs it.

    Args:
        plan: The plan.
        store: The store; with `verify`, the content of all entries is compared.
        cells: The cells.

    Returns:
        Kind and key of each.
    """
    known: dict[tuple[str, str], _Part] = {}
    for planned in cells:
        if planned.view.kind == "real":
            for fit in planned.fits:
                known |= {(kind, key): part for kind, key, part in _entries(plan, fit) if key}
    lost = set()
    for (kind, key), part in known.items():
        if store.verify or part is None or part:
            store.find(kind, key, part=part)
    aside = store.set_aside()
    for kind, key in known:
        if (kind in RATINGS or (kind, key) in aside) and not store.holds(kind, key):
            lost.add((kind, key))
    return frozenset(lost)


def _entries(plan: Plan, fit: Fit) -> Iterator[tuple[str, str, _Part]]:
    """What a fit came from: kind, key, and the files that every run reads; None for all, empty for none."""
    nothing: tuple[str, ...] = ()
    for ref in (ref for each in fit.tokens for ref in each):
        yield "tokens", ref.key, nothing
        if ref.fold is not None:
            yield "networks", ref.network, (NOTE,)
        if not is_read(plan, ref.crops):
            yield "crops", ref.crops.key, INDEX
            joins = plan.keys.plugin("regions", ref.crops.region).joins_sequences
            if ref.crops.fold is not None:
                yield "regions", ref.crops.network, (NOTE, POINTS_QUALITY, TRAINING_QUALITY) if joins else (NOTE,)
            if not joins:
                yield "qualities", ref.crops.network, None
    if fit.fused is not None:
        yield "fused", fit.fused.key, (NOTE,)
        yield "fused", fit.fused.refits, nothing
    yield "fillings", fit.filling, None
