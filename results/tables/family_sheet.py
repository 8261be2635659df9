"""The table of a declared family on one target: differences, p-values, equivalence, and what they show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results.flow import counted
from results.run_folder import Run
from results.scores import reconstruction
from results.scores.choice import EXPLORATORY
from results.scores.family import reference_in_words, when_declared
from results.scores.labels import shorten
from results.scores.paired import ComparedPair, adjusted, of_these_fits
from results.statistics.bootstrap import FEWEST
from results.statistics.equivalence import equivalence_test
from results.statistics.metrics import METRICS
from results.tables.beaten import below_chance
from results.tables.formats import Row, Score, Sheet
from results.tables.intervals import covers
from results.tables.notes import some
from results.tables.numbered import with_numbers

LEVEL = 0.05
FEW = 33
"""The fewest patients with which the simulations of `docs/pages/simulations.md` checked the tests."""

MCNEMAR, DELONG = "McNemar p\nof these fits", "DeLong p\nof these fits"


@dataclass(frozen=True, eq=False)
class DeclaredFamily:
    """A declared family on one target, with the comparisons that could be made.

    Args:
        target: The target.
        declared: The declaration in the run: `family`, `against`, `metric`, `margin`.
        size: The number of declared comparisons.
        pairs: The comparisons that were made.
        absent: The other comparisons, each with its reason.
        carriers: The number of patients in whom the rarest class is seen.
        worth: Against `best`: a sentence on its score, corrected for the choice.
    """

    target: str
    declared: dict[str, Any]
    size: int
    pairs: Sequence[ComparedPair]
    absent: Sequence[str]
    carriers: int
    worth: str = ""

    @property
    def tested(self) -> bool:
        """Whether there are p-values."""
        return self.declared["against"] != "best" and self.carriers >= EXPLORATORY

    @property
    def patients(self) -> int:
        """The number of patients of all comparisons."""
        return len(np.unique(np.concatenate([found.rows.patient for found in self.pairs])))


def family_sheet(run: Run, family: DeclaredFamily, resamples: int) -> Sheet:
    """The table of a family."""
    name, against, pairs = family.declared["metric"], family.declared["against"], family.pairs
    everyone = [cell for found in pairs for cell in (found.cell, *([found.reference] * (not found.reference.floor)))]
    axes = [a for a in run.axes if len({cell.axes[a] for cell in everyone}) > 1] or ["heads"]
    short = {axis: shorten(found.cell.axes[axis] for found in pairs) for axis in axes}
    columns: dict[str, list[str]] = {}
    if family.tested:
        columns["p"] = [_p(found.difference.p_value) for found in pairs]
        corrected = adjusted(pairs, family.size, family.patients)
        if family.size > 1:
            columns["Adjusted p"] = [_p(p) for p in corrected]
        columns[MCNEMAR if name == "accuracy" else DELONG] = [_p(of_these_fits(name, found)) for found in pairs]
        columns = {header: texts for header, texts in columns.items() if any(texts)}
        if family.declared["margin"] is not None:
            columns |= _practical(pairs, METRICS[name].lower_is_better, family.declared["margin"])
    rows, plain = [], []
    failed = reconstruction.collapsed(run)
    for i, found in enumerate(pairs):
        difference = Score(found.difference.value, found.difference.low, found.difference.high, signed=True)
        steps = [short[axis][found.cell.axes[axis]] for axis in axes]
        labels = reconstruction.marked(steps, axes, [found.cell.key], failed)
        extras = tuple(texts[i] for texts in columns.values())
        rows.append(Row(labels, (Score(found.value), Score(found.other_value), difference), extras))
    if family.tested:
        marked = [(rows[i], p) for i, p in enumerate(corrected)]
        plain = [_plainly(marked, reference_in_words(against), lower_is_better=METRICS[name].lower_is_better)]
    order = sorted(range(len(pairs)), key=lambda i: -pairs[i].difference.value)
    label = METRICS[name].title(run.within)
    sheet = Sheet(
        target=family.target,
        title=family_title(run, family.target, family.declared),
        labels=tuple(axes),
        headers=(label, f"{label} of\n{reference_in_words(against)}", "Difference"),
        extras=tuple(columns),
        rows=tuple(rows[i] for i in order),
        floors=(),
        notes=(
            *plain,
            *_notes(run, family, resamples, columns),
            *reconstruction.notes(run, [cell.key for cell in everyone]),
        ),
    )
    return with_numbers(run, sheet, [pairs[i].cell.key for i in order])


def _plainly(rows: Sequence[tuple[Row, float]], against: str, *, lower_is_better: bool) -> str:
    """What a family shows, from its rows and adjusted p-values."""
    shown = [row for row, p in rows if p <= LEVEL]
    if not shown:
        which = "The cell is" if len(rows) == 1 else f"None of {len(rows)} cells is"
        return f"{which} {'not ' if len(rows) == 1 else ''}shown to differ from {against}."
    words = []
    for way, better in (("better", True), ("worse", False)):
        of_way = [
            ", ".join(filter(None, row.labels))
            for row in shown
            if row.scores[2] is not None and ((row.scores[2].value > 0) != lower_is_better) == better
        ]
        if of_way and len(rows) == 1:
            return f"The cell is shown to be {way} than {against}."
        if of_way:
            are = "is" if len(of_way) == 1 else "are"
            words.append(f"{len(of_way)} of {len(rows)} {are} shown to be {way} ({some(of_way, '; ')})")
    return f"Compared with {against}, {'; '.join(words)}."


def _practical(pairs: Sequence[ComparedPair], lower_is_better: bool, margin: float) -> dict[str, list[str]]:
    """Whether each difference lies within a margin, and the probabilities of worse, within and better."""
    found = [equivalence_test(one.difference, one.rows, margin, lower_is_better=lower_is_better) for one in pairs]
    chances = [None if one is None else (one.worse, one.within, one.better) for one in found]
    return {
        f"Within {margin:g}": ["" if one is None else "yes" if one.equivalent else "not shown" for one in found],
        "Worse / within\n/ better": [" / ".join(f"{p:.2f}" for p in chance) if chance else "" for chance in chances],
    }


def _notes(run: Run, family: DeclaredFamily, resamples: int, columns: Collection[str]) -> list[str]:
    declared, pairs, patients = family.declared, family.pairs, family.patients
    since = when_declared(declared)
    notes = [f"A family of {family.size}, declared in the grid{since}; {counted(patients, 'patient')}."]
    if any(one.on_fewer for one in pairs):
        notes.append(
            "Scores are of the samples that a cell and its reference both predict, fewer than in other tables."
        )
    if family.absent:
        notes.append(f"{len(pairs)} of {family.size} declared; not done: {some(family.absent, '; ')}.")
    if patients >= FEWEST:
        notes.append(covers(run, resamples, 0, rows=", the same for all rows; paired differences"))
    if family.tested:
        lacking = f", times {family.size} / {len(pairs)} for comparisons not done" if family.absent else ""
        several = f" Adjusted p: step-down max-|t| over the family, from the same resamples{lacking}."
        notes.append(
            "p: of one comparison by itself, below 0.05 where its interval does not hold 0."
            f"{several if family.size > 1 else ''}"
        )
        if DELONG in columns:
            notes.append("DeLong p of these fits: clustered DeLong test; it does not cover training sets.")
        if MCNEMAR in columns:
            notes.append(
                "McNemar p of these fits: clustered McNemar test; it does not cover training sets. It "
                "weighs all patients the same, while the difference weighs all samples the same."
            )
        if patients < FEW:
            notes.append(f"Fewer than {FEW} patients: the tests were not checked with so few, and are approximate.")
    if declared["metric"] == "auc" and isinstance(declared["against"], str):
        notes += below_chance(declared["against"], {one.other_value for one in pairs if one.reference.floor})
    if not family.tested and declared["against"] == "best":
        notes.append(
            f"The best was chosen by these numbers, so there are no p-values and no test of equivalence.{family.worth}"
        )
    elif not family.tested:
        notes.append(
            f"EXPLORATORY: the rarest class is seen in {counted(family.carriers, 'patient')}, fewer than "
            f"{EXPLORATORY}; no p-values."
        )
        if declared["margin"] is not None:
            notes.append(
                f"The declared margin of {declared['margin']:g} is not used: equivalence is not tested on "
                "exploratory cells."
            )
    if declared["margin"] is not None and family.tested:
        notes.append(
            f"Within {declared['margin']:g}: whether the 90 % interval lies inside the margin (two one-sided tests at "
            "5 %), for each cell by itself, not corrected for their number. Worse / within / better: the probability "
            "that the difference is a loss beyond the margin, within it, or a gain beyond it (correlated Bayesian t "
            "test, flat prior)."
        )
    return notes


def family_title(run: Run, target: str, declared: dict[str, Any]) -> str:
    """The title of the table of a family."""
    return (
        f"{target}: {METRICS[declared['metric']].title(run.within)} compared with "
        f"{reference_in_words(declared['against'])} as declared, {run.dataset}, run {run.name}"
    )


def _p(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
