"""How well autoencoders rebuilt their test patients, and which cells use one that learnt hardly anything."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from results import ResultsError
from results.artifacts import INDEX, Artifact, read_artifacts
from results.flow import counted
from results.inner_splits import listed
from results.run_folder import Run
from results.scores.labels import shorten
from results.trained_steps import trained_steps

CONTENT = "reconstruction"
LEAST_SPREAD = 0.2
"""A fit with less variance between its reconstructions, as a share of that between the inputs, has collapsed."""

LEAST_GAIN = 0.1
"""So has a fit whose error is not below that of the mean image by this share."""

MARK = "\N{DAGGER}"


@dataclass(frozen=True)
class Reconstruction:
    """How one autoencoder rebuilt one channel of the test patients of one fold.

    Args:
        name: What was trained.
        channel: `"intensity"` or `"mask"`.
        repeat: The repeat of the fold.
        fold: The number of the fold.
        cells: The keys of the cells that use it.
        values: The other columns of `encoders.autoencoder.quality.rate`, by name.
    """

    name: str
    channel: str
    repeat: int
    fold: int
    cells: tuple[str, ...]
    values: dict[str, float]

    @property
    def collapsed(self) -> bool:
        """Whether it redraws hardly more than one picture."""
        found = self.values
        return found["spread"] < LEAST_SPREAD or found["rmse"] > (1 - LEAST_GAIN) * found["rmse_mean"]


def ratings(run: Run) -> list[Reconstruction]:
    """All ratings of a run, by step, channel, repeat and fold; none if it has no autoencoder.

    Raises:
        ResultsError: A table can't be read.
    """
    return [
        found
        for step in trained_steps(run, run.targets[0], CONTENT)
        for one in step.folds
        for path in one.files[CONTENT]
        for found in _rows(step.name, path, one)
    ]


def collapsed(run: Run) -> dict[str, tuple[int, int]]:
    """The cells that use a collapsed autoencoder, by key: how many of their trainings collapsed, of how many."""
    index = run.folder / INDEX
    return _collapsed(run.folder, index.stat().st_mtime_ns) if index.exists() else {}


def marked(labels: Sequence[str], axes: Sequence[str], keys: Iterable[str], found: Container[str]) -> tuple[str, ...]:
    """The labels of a row, with a mark at its encoder (or at its last label) if a cell of it is in `found`.

    Args:
        labels: The labels of the row.
        axes: The axis of each label.
        keys: The cells of the row.
        found: The cells to mark, as `collapsed` gives them.
    """
    labels = tuple(labels)
    if not labels or not any(key in found for key in keys):
        return labels
    at = list(axes).index("encoders") if "encoders" in axes else len(labels) - 1
    return (*labels[:at], f"{labels[at]} {MARK}", *labels[at + 1 :])


def notes(run: Run, keys: Iterable[str]) -> Iterator[str]:
    """The note on collapsed autoencoders, if one of some cells uses one."""
    found = collapsed(run)
    counts = [found[key] for key in dict.fromkeys(keys) if key in found]
    if counts:
        worst = max(counts, key=lambda one: one[0] / one[1])
        yield (
            f"{MARK} marks cells whose autoencoder collapsed, in up to {worst[0]} of {worst[1]} trainings: on test "
            f"patients the variance between its reconstructions is under {LEAST_SPREAD:g} of that between the inputs, "
            f"or its error is not below that of the mean image by {LEAST_GAIN * 100:g} %. Such a cell shows a failed "
            "training, not what autoencoders can do."
        )


def failed_trainings(run: Run) -> Iterator[str]:
    """How many trainings of which autoencoder collapsed, in a sentence for prose; none if none did."""
    fits: dict[str, list[bool]] = {}
    for one in read_artifacts(run.folder):
        for path in one.files.get(CONTENT, ()):
            fits.setdefault(one.words[0], []).append(_failed(path, one))
    names = shorten(fits)
    each = [f"{sum(found)} of {counted(len(found), 'training')} of `{names[name]}`" for name, found in fits.items()]
    if any(map(any, fits.values())):
        yield (
            f"{listed(each)} collapsed: on test patients the variance between the reconstructions was under "
            f"{LEAST_SPREAD:g} of that between the inputs, or the error was not below that of the mean image by "
            f"{LEAST_GAIN * 100:g} %. Cells with such an autoencoder show a failed training, not what autoencoders can "
            "do."
        )


@lru_cache(maxsize=8)
def _collapsed(folder: Path, changed: int) -> dict[str, tuple[int, int]]:
    """See `collapsed`; remembered until the index has changed."""
    fits: dict[str, list[bool]] = {}
    for one in read_artifacts(folder):
        for path in one.files.get(CONTENT, ()):
            failed = _failed(path, one)
            for key in one.cells:
                fits.setdefault(key, []).append(failed)
    return {key: (sum(found), len(found)) for key, found in fits.items() if any(found)}


def _failed(path: Path, one: Artifact) -> bool:
    return any(found.collapsed for found in _rows("", path, one))


def _rows(name: str, path: Path, one: Artifact) -> Iterator[Reconstruction]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            channel = row.pop("channel")
            values = {key: float(value) if value else float("nan") for key, value in row.items() if key}
            yield Reconstruction(name, channel, one.repeat, one.fold, one.cells, values)
    except (OSError, ValueError, KeyError) as error:
        raise ResultsError(f"{path} can't be read ({error}): run the grid again") from error
