"""About how long the rest of a plan takes and how much it writes, from what steps like it took before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.plan.measured import EarlierSteps, Expected
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, PlannedCell, TokensRef
from data.text.durations import rough_duration

UNKNOWN_SHOWN = 4
HEAD = ("heads", "balance", "encoders", "sequences", "tables")
FUSION = ("fusion", "encoders", "sequences")
KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "crops": (("sequence", "region"), ("region",), ("sequence",), ()),
    "regions": (("region",),),
    "tokens": (("encoder",),),
    "fused": (FUSION, FUSION[:2], FUSION[:1]),
    "fits": (HEAD, HEAD[:3], HEAD[:2], HEAD[:1]),
}
"""For each kind of entry by which fields two of them are alike, the nearest first."""


@dataclass
class _Row:
    """Steps of one kind that are to be done."""

    count: int = 0
    seconds: float = 0.0
    rough: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


class Forecast:
    """What is to be done, by step.

    Args:
        plan: The plan.
        stored: The keys in the store, by kind.
        jobs: How many tasks run at a time where they need one core each.
    """

    def __init__(self, plan: Plan, stored: Mapping[str, Collection[str]], jobs: int) -> None:
        self._plan, self._stored, self._jobs = plan, stored, jobs
        self._measured = {kind: EarlierSteps(plan.stored.spent(kind), levels) for kind, levels in KINDS.items()}
        self._rows: dict[str, _Row] = {}
        self._counted: set[str] = set()
        self._torch = self._cpu = self.size = 0.0
        self.sized = True

    def add(self, cells: Iterable[PlannedCell], before: str = "") -> None:
        """Adds what cells still need; what they share with cells that were added before is not counted again.

        Args:
            cells: The cells.
            before: What stands before the names of their steps, such as `interval: `.
        """
        todo = [(c, fit) for c in cells if not c.refused for fit in c.fits if fit.key not in self._stored["fits"]]
        refs = {ref.key: ref for _, fit in todo for each in fit.tokens for ref in each}
        refs = {key: ref for key, ref in refs.items() if key not in self._stored["tokens"]}
        crops = {ref.crops.key: ref.crops for ref in refs.values() if ref.crops.key not in self._stored["crops"]}
        self._read([one for one in crops.values() if one.fold is None], before)
        for one in crops.values():
            if one.fold is not None:
                self._cut(one, before)
        for ref in refs.values():
            self._embed(ref, before)
        for planned, fit in todo:
            self._fuse(planned, fit, before)
            self._fit(planned, fit, before)

    def add_external(self, cells: Sequence[PlannedCell], samples: int) -> None:
        """Adds the fits of an external test: each cell once on all patients, and `samples` more that are predicted."""
        before, seen = "external test: ", set()
        n = len(self._plan.ids)
        for planned in cells:
            if planned.refused:
                continue
            for ref in (ref for each in planned.fits[0].tokens for ref in each):
                if ref.key not in seen:
                    seen.add(ref.key)
                    self._expect(before + _embedding(ref), "tokens", _of_tokens(ref), n + samples, self._lane(ref))
            if planned.fits[0].fused is not None:
                self._expect(before + "training fusions", "fused", planned.cell.labels(), n + samples, "cpu")
            self._expect(before + "fitting heads", "fits", planned.cell.labels(), n, "cpu")

    def lines(self) -> Iterator[str]:
        """The hours by step, and what they rest on."""
        if not self._rows:
            return
        known = self._torch + self._cpu / self._jobs
        unknown = sum((row.unknown for row in self._rows.values()), Counter())
        rough = any(row.rough for row in self._rows.values())
        if not known and unknown:
            yield "time: unknown, since nothing like these steps was measured in this store yet"
        else:
            word = "at least about" if unknown else "about"
            at_a_time = f"{self._jobs} tasks at a time" if self._jobs > 1 else "one task at a time"
            measured = "measured on steps like them in this store" + (", some roughly (~)" if rough else "")
            yield f"time: {word} {rough_duration(known)} with {at_a_time}, {measured}; by step, all tasks together:"
        width = max(len(name) for name in self._rows)
        for name, row in self._rows.items():
            known_of = row.count - sum(row.unknown.values())
            text = f"{'~' if row.rough else ''}{rough_duration(row.seconds)}" if known_of else "unknown"
            if known_of and row.unknown:
                text += f" for {known_of} of them"
            yield f"  {name:{width}}  {row.count:5}  {text}"
            shown = [f"{n} x {label}" for label, n in row.unknown.most_common(UNKNOWN_SHOWN)]
            if shown and known:
                more = f" and {len(row.unknown) - UNKNOWN_SHOWN} more" if len(row.unknown) > UNKNOWN_SHOWN else ""
                yield f"  {'':{width}}         not measured yet: {', '.join(shown)}{more}"

    def _read(self, refs: Sequence[CropsRef], before: str) -> None:
        """A sequence is read once for all its crops."""
        studies = self._plan.samples["study"].nunique()
        for sequence in dict.fromkeys(ref.sequence for ref in refs):
            same = [ref for ref in refs if ref.sequence == sequence and ref.key not in self._counted]
            self._counted.update(ref.key for ref in same)
            found = [self._measured["crops"].expect(_of_crops(ref), studies) for ref in same]
            slowest = max((one for one in found if one), key=lambda one: one.seconds, default=None)
            if same:
                self._note(before + "reading sequences", sequence, slowest, "torch", size=0.0)
            for one in found:
                self._size(one)

    def _cut(self, ref: CropsRef, before: str) -> None:
        network = f"region {ref.network}"
        if ref.network not in self._stored["regions"] and self._is_new(network):
            count = 1 + sum(part.key not in self._stored["regions"] for part in ref.parts)
            for _ in range(count):
                self._expect(before + "training regions", "regions", _of_crops(ref), 0, "torch")
        if self._is_new(ref.key):
            studies = self._plan.samples["study"].nunique()
            self._expect(before + "cutting what regions find", "crops", _of_crops(ref), studies, "torch")

    def _embed(self, ref: TokensRef, before: str) -> None:
        if self._is_new(ref.key):
            stored = self._plan.crops(ref.crops) if ref.crops.key in self._stored["crops"] else None
            amount = len(self._plan.ids) if stored is None else len(np.unique(stored.rows[stored.rows >= 0]))
            self._expect(before + _embedding(ref), "tokens", _of_tokens(ref), amount, self._lane(ref))

    def _fuse(self, planned: PlannedCell, fit: Fit, before: str) -> None:
        """A fusion is trained once, and once more without each inner fold if a head is calibrated on what it gives."""
        if fit.fused is None:
            return
        keys, cell = self._plan.keys, planned.cell
        rule = keys.threshold(cell, len(planned.view.labels[cell.target].classes))
        made = {fit.fused.key: "training fusions"}
        if keys.plugin("heads", cell["heads"]).needs_refits(rule):
            made[fit.fused.refits] = "fusions without inner folds"
        for key, name in made.items():
            if key not in self._stored["fused"] and self._is_new(key):
                self._expect(before + name, "fused", cell.labels(), len(self._plan.ids), "cpu")

    def _fit(self, planned: PlannedCell, fit: Fit, before: str) -> None:
        if self._is_new(fit.key):
            rows = len(fit.rows.train)
            self._expect(before + "fitting heads", "fits", planned.cell.labels(), rows, "cpu")

    def _expect(self, name: str, kind: str, of: Mapping[str, str], amount: int, lane: str) -> None:
        found = self._measured[kind].expect(of, amount)
        label = next(of[one] for one in ("heads", "encoder", "region") if one in of)
        if kind == "fused":
            label = of["fusion"]
        self._note(name, label, found, lane, size=0.0 if found is None else found.size)
        self.sized = self.sized and found is not None

    def _note(self, name: str, label: str, found: Expected | None, lane: str, *, size: float) -> None:
        row = self._rows.setdefault(name, _Row())
        row.count += 1
        self.size += size
        if found is None:
            row.unknown[label] += 1
            return
        row.seconds += found.seconds
        row.rough += found.rough
        if lane == "torch":
            self._torch += found.seconds
        else:
            self._cpu += found.seconds

    def _size(self, found: Expected | None) -> None:
        self.sized = self.sized and found is not None
        self.size += 0.0 if found is None else found.size

    def _is_new(self, key: str) -> bool:
        new = key not in self._counted
        self._counted.add(key)
        return new

    def _lane(self, ref: TokensRef) -> str:
        return "torch" if ref.fold is None else str(self._plan.keys.plugin("encoders", ref.encoder).lane)


def _embedding(ref: TokensRef) -> str:
    return "embedding" if ref.fold is None else "training encoders"


def _of_tokens(ref: TokensRef) -> dict[str, str]:
    return {"encoder": ref.encoder.label(), "sequence": ref.crops.sequence, "images": ref.crops.images.label()}


def _of_crops(ref: CropsRef) -> dict[str, str]:
    return {"sequence": ref.sequence, "region": ref.region.label(), "images": ref.images.label()}
