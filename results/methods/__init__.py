"""The methods section of a paper, from a run folder alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from results.methods import data, evaluation, software, steps, training
from results.methods.evidence import Evidence, gather
from results.methods.references import bibtex
from results.run_folder import ResultsError, Run

REASONS = 3
"""So many reasons why cells were not computed are named."""


def methods(run: Run) -> str:
    """The methods section of a paper in Markdown, with citations as `[@key]` and their BibTeX below.

    Every number is from the run folder. Where it lacks something, the text asks for it: `[AUTHORS: ...]`.

    Args:
        run: A run folder.

    Raises:
        ResultsError: A file of the run folder can't be read, or it holds an external test alone.
    """
    if run.protocol.get("split") == "external":
        raise ResultsError(
            f"{run.folder} holds scores of models that were fitted elsewhere: the methods of the run that fitted them "
            "speak of it too"
        )
    evidence = gather(run)
    sections = {
        "Data": data.data(evidence),
        "Split": data.split(evidence),
        "Grid": _grid(evidence),
        "Training": training.training(evidence),
        "Statistics": evaluation.statistics(evidence),
        "Software and hardware": software.provenance(evidence),
    }
    paragraphs = [f"**{title}.** {' '.join(sentences)}" for title, sentences in sections.items()]
    groups = re.findall(r"\[(@[^]]*)\]", " ".join(paragraphs))
    references = bibtex(re.findall(r"@([^;\]\s]+)", " ".join(groups)), evidence.plug_ins.references)
    return "\n\n".join(["## Methods", *paragraphs, "## References", f"```bibtex\n{references}\n```"]) + "\n"


def _grid(evidence: Evidence) -> Iterator[str]:
    """The cells, and every axis."""
    cells = evidence.cells
    combinations = len({tuple(cell.axes.values()) for cell in cells})
    floors = len(evidence.run.cells) - len(cells)
    targets = len(evidence.run.targets)
    yield (
        f"The grid has {_count(combinations, 'combination')} of steps and {_count(targets, 'target')}. A cell is one "
        f"combination for one target: the run has {_count(len(cells), 'cell')}, and {_count(floors, 'cell')} of floors."
    )
    yield from _not_done(evidence.run)
    yield from steps.sentences(evidence)


def _not_done(run: Run) -> Iterator[str]:
    """How many cells were completed, and why the others were not."""
    states = Counter(cell.status for cell in run.cells)
    if set(states) == {"done"}:
        return
    yield f"{states.pop('done', 0)} of {len(run.cells)} cells were completed."
    one = {"refused": "was refused, since it cannot be computed", "failed": "failed", "to do": "was not computed"}
    more = {"refused": "were refused, since they cannot be computed", "failed": "failed", "to do": "were not computed"}
    for state, n in states.items():
        given = (" ".join(cell.reason.replace("`", "'").split()) for cell in run.cells if cell.status == state)
        reasons = Counter(reason for reason in given if reason)
        named = [f"`{reason}` ({_count(count, 'cell')})" for reason, count in reasons.most_common(REASONS)]
        if len(reasons) > REASONS:
            named.append(f"{len(reasons) - REASONS} other reasons, in `cells.json`")
        yield f"{n} {(one if n == 1 else more)[state]}{': ' if named else ''}{'; '.join(named)}."


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
