"""The trained steps of a run that kept something to draw."""

from __future__ import annotations

from dataclasses import dataclass

from results.artifacts import Artifact, read_artifacts
from results.run_folder import Run
from results.scores.labels import shorten
from results.scores.records import NOTHING


@dataclass(frozen=True)
class TrainedStep:
    """One trained step with what it left in each fold.

    Args:
        name: The step that was trained, and the words that distinguish it from the others.
        folds: What it left in each fold of each repeat.
    """

    name: str
    folds: tuple[Artifact, ...]


def trained_steps(run: Run, target: str, content: str) -> list[TrainedStep]:
    """The steps trained for a target, and those trained without labels, that left some content, by their words.

    Args:
        run: A run folder.
        target: One of its targets.
        content: What their files hold, such as `learning_curve`.
    """
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Artifact]] = {}
    for one in read_artifacts(run.folder):
        if one.target in (None, target) and content in one.files:
            words = tuple(word for word in one.words if word not in NOTHING)
            found.setdefault((words, one.cells), []).append(one)
    steps = dict(sorted(found.items()))
    names = _names([words for words, _ in steps], [-1 if one[0].step == "fusion" else 0 for one in steps.values()])
    return [TrainedStep(name, tuple(of_step)) for name, of_step in zip(names, steps.values(), strict=True)]


def _names(steps: list[tuple[str, ...]], trained: list[int]) -> list[str]:
    """What was trained and what differs, in the shortest words that still distinguish the steps.

    Args:
        steps: The words of each step.
        trained: Where among its words each step's own label is: first for regions and encoders, last for fusions.
    """
    if len({len(words) for words in steps}) != 1 or len(set(trained)) != 1:
        return [", ".join(words) for words in steps]
    kept = []
    own = trained[0] % len(steps[0])
    for i, place in enumerate(zip(*steps, strict=True)):
        if i == own or len(set(place)) > 1:
            short = shorten(place)
            kept.append([short[word] for word in place])
    return [", ".join(words) for words in zip(*kept, strict=True)]
