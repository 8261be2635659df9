"""Which samples lack a sequence or a clinical value, and what stood in for it, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from results.flow import Present, counted, presences, whose
from results.inner_splits import listed
from results.methods.evidence import UNUSED, Evidence
from results.methods.steps import in_words, shares
from results.run_folder import Run

FLOOR = "mean"
"""The step that fills the floor of pixels, in every grid."""


def sequences(run: Run) -> Iterator[str]:
    """How many samples of each input of several sequences have all of these, and how many lack which."""
    found = presences(run)
    done = (cell for cell in run.cells if cell.status == "done")
    if not found and any(" + " in cell.axes.get("sequences", "") for cell in done):
        yield (
            "[AUTHORS: say how many samples lack which sequence; the run folder has these numbers once the grid is run "
            "again.]"
        )
    targets: dict[tuple[str, str], list[str]] = {}
    for one, name in zip(found, _names(run, found), strict=True):
        targets.setdefault((name, _have(one)), []).append(one.target)
    for (name, have), of in targets.items():
        n = sum(n for _, n in next(one.have for one in found if _have(one) == have))
        yield f"Of the {counted(n, 'sample')} that cells of {listed(of)} with {name} use, {have}."


def filling(evidence: Evidence) -> Iterator[str]:
    """What stood in for absent sequences in cells without a step that fills them, and in the floor of pixels."""
    run, steps = evidence.run, evidence.steps("missing")
    if not any(len(have) < len(one.asked) for one in presences(run) for have, _ in one.have):
        return
    if steps == ["none"]:
        yield "In the cells, nothing stood in for an absent sequence: the fusion used the sequences that a sample has."
    if any(cell.floor and cell.reads == "pixels" and cell.status == "done" for cell in run.cells):
        known = [one for one in evidence.plug_ins.used if one.kind == "missing" and one.label not in UNUSED]
        own = [one for one in known if one.label == FLOOR] or known
        filled = "; ".join(in_words(one, run.held_out) for one in own)
        yield f"In the floor `{run.pixels}`, what stood in for it was {filled}."


def clinical(evidence: Evidence) -> Iterator[str]:
    """How many samples lack which clinical column, and what filled the gaps."""
    samples, run = evidence.samples, evidence.run
    lacking = {name: int((samples[name].isna() | (samples[name] == "")).sum()) for name in run.clinical}
    lack = [f"{n} {'lacks' if n == 1 else 'lack'} {name}" for name, n in lacking.items() if n]
    if not lack:
        return
    yield f"Of {counted(len(samples), 'sample')}, {listed(lack)}."
    used = [label for label in evidence.steps("tables") if label not in UNUSED]
    floors = any(cell.floor and cell.reads == "clinical" and cell.status == "done" for cell in run.cells)
    steps = [
        one
        for one in evidence.plug_ins.used
        if one.kind == "tables" and one.label not in UNUSED and (floors or one.label in used)
    ]
    readers = listed([*["cells"] * bool(used), *["floors"] * floors]).capitalize()
    if readers:
        took = "; and ".join(dict.fromkeys(in_words(replace(one, given={}), run.held_out) for one in steps))
        yield f"{readers} that read clinical columns took {took}."


def _have(one: Present) -> str:
    """Such as `56 have both sequences, 16 lack t1 and 6 lack t2`."""
    words = []
    for have, n in one.have:
        lost = [name for name in one.asked if name not in have]
        every = "both sequences" if len(one.asked) == 2 else "every sequence"
        lacks, has = ("lacks", "has") if n == 1 else ("lack", "have")
        words.append(f"{n} {lacks} {listed(lost)}" if lost else f"{n} {has} {every}")
    return listed(words)


def _names(run: Run, found: list[Present]) -> list[str]:
    """The input of each, with the steps by which those of one input differ."""
    axes = {cell.key: cell.axes for cell in run.cells}
    names = []
    for one in found:
        first = axes[one.cells[0]]
        name = " + ".join(one.asked)
        if first.get("drop", "none") not in UNUSED:
            name += f" ({shares(first['drop'])})"
        names.append(name)
    for name in set(names):
        same = [i for i, other in enumerate(names) if other == name]
        for target in {found[i].target for i in same}:
            alike = [i for i in same if found[i].target == target]
            if len(alike) > 1:
                for i, steps in zip(alike, whose(axes, [found[i].cells for i in alike]), strict=True):
                    names[i] = f"{name}, {steps},"
    return names
