"""Fits models of a run, looks into them, and lets them grade new studies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.api.errors import ArgumentError, cell_text, check_choice
from bench.api.grids import DEVICES, STORE
from bench.api.plug_ins import add_folder
from bench.api.threads import one_thread
from data.files.whole import replace_file

if TYPE_CHECKING:
    from results.diagnosis import Diagnosis


class ModelFiles(NamedTuple):
    """The files of a fitted model.

    Args:
        folder: The model.
        card: Its card.
    """

    folder: Path
    card: Path


class Diagnosed(NamedTuple):
    """A new study and what a model made of it.

    Args:
        diagnosis: The grades; None where the study can't be read.
        page: The page of the diagnosis; None where there is none.
        error: Why the study can't be read; empty where it can.
    """

    diagnosis: Diagnosis | None = None
    page: Path | None = None
    error: str = ""

    def __str__(self) -> str:
        if self.diagnosis is None:
            return f"scangrid: {self.error}"
        graded = [bool(finding.grade) for finding in self.diagnosis.findings]
        return f"{self.diagnosis.study}: {sum(graded)} of {len(graded)} graded, {self.page}"


def fit(
    run: str | Path,
    cells: str | int | Sequence[str | int],
    out: str | Path,
    *,
    device: str = "auto",
    jobs: int = 0,
    grid: str | Path | None = None,
    plugins: str | Path | None = None,
    store: str | Path = STORE,
) -> ModelFiles:
    """Refits cells of a run on all patients and writes a model with its card.

    Args:
        run: A run folder.
        cells: Cells by number, key or steps, such as `"svc, resnet50"`; at most one for each target.
        out: A new folder for the model.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        jobs: How many tasks run at a time; 0: as many as there are cores.
        grid: The run's grid file, if it is not the copy in the run folder.
        plugins: A folder of your own plug-ins, of the project's shape.
        store: Where finished steps are kept.

    Raises:
        ScangridError: There is no such run or cell, no model can be made from the cell, or `out` exists.

    Examples:
        >>> model = api.fit("runs/demo", "3f2a91c0", "model")
    """
    check_choice("--device", device, DEVICES)
    add_folder(plugins)
    from bench.models.fit import fit_model
    from bench.run.compute import pick_device
    from bench.run.progress import Progress
    from bench.run.provenance import cores
    from results.methods.model_card import CARD, write_card
    from results.run_folder import read

    run, out, workers = Path(run), Path(out), jobs or cores()
    found = read(run)
    with one_thread():
        fit_model(
            run,
            [cell_text(cell) for cell in ([cells] if isinstance(cells, str | int | Integral) else cells)],
            out,
            store=Path(store),
            grid_file=Path(grid) if grid else None,
            device=pick_device(device),
            jobs=workers,
            progress=Progress(jobs=workers),
            finish=partial(write_card, found),
        )
    return ModelFiles(out, out / CARD)


def latents(
    run: str | Path,
    cell: str | int = "",
    *,
    fold: int = 0,
    measures: str = "",
    grid: str | Path | None = None,
    plugins: str | Path | None = None,
    store: str | Path = STORE,
) -> list[Path]:
    """Draws what an autoencoder's features mean: correlations, traversals, interpolation, generation, neighbours.

    Args:
        run: A run folder.
        cell: A cell with an autoencoder: its number or key, or its steps, such as `"svc, cae_2d"`; empty lists them.
        fold: The fold of the first repeat whose network is shown.
        measures: The encoder that measures each crop, such as `"radiomics"`; if none is named, the first one by name
            that measures structures of a mask.
        grid: The run's grid file, if it is not the copy in the run folder.
        plugins: A folder of your own plug-ins, of the project's shape.
        store: Where finished steps are kept.

    Returns:
        The files that were written.

    Raises:
        ScangridError: There is no such run, cell or fold; the message lists the cells with an autoencoder.
    """
    add_folder(plugins)
    from bench.models.latents import write_latents
    from bench.run.compute import pick_device
    from results.interpretability.write import write_figures

    run = Path(run)
    with one_thread():
        folder = write_latents(
            run,
            cell_text(cell),
            store=Path(store),
            grid_file=Path(grid) if grid else None,
            measures=measures,
            fold=fold,
            device=pick_device("auto"),
        )
    return write_figures(run, folder)


def diagnose(
    model: str | Path,
    studies: str | Path | Sequence[str | Path],
    *,
    out: str | Path = "diagnosis",
    descriptions: str | Path | None = None,
    keep_names: bool = False,
    submission: str | Path | None = None,
    explain: bool = False,
    anchor: str | Path | None = None,
    device: str = "auto",
    plugins: str | Path | None = None,
    each: Callable[[Diagnosed], None] | None = None,
) -> list[Diagnosed]:
    """Grades new studies: slice, point, probabilities and picture for each place. Not for clinical use.

    Args:
        model: A folder that `fit` wrote.
        studies: Folders of DICOM files, one for each study.
        out: A folder, in which each study gets a folder.
        descriptions: A table such as `test_series_descriptions.csv` that gives the sequence of each series.
        keep_names: Whether studies keep the names of their folders, which may name a patient.
        submission: A file for the table that the challenge of the model's dataset asks for; needs `keep_names`.
        explain: Whether findings of other grades than the mildest get a map of what spoke for them, by occlusion.
        anchor: A table with the columns `study` and `level`: the lowest level that a study shows.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        plugins: A folder of your own plug-ins, of the project's shape.
        each: A function that is called with each study as soon as it is graded.

    Returns:
        The studies, also those that can't be read.

    Raises:
        ScangridError: The folder is no model, or a file can't be written.

    Examples:
        >>> for one in api.diagnose("model", ["study_a", "study_b"]):
        ...     print(one.page or one.error)
    """
    check_choice("--device", device, DEVICES)
    out, model = Path(out), Path(model)
    _check_outputs(out, None if submission is None else Path(submission), keep_names=keep_names)
    add_folder(plugins)
    from bench.models.diagnose import grade
    from bench.models.model import model_warnings
    from bench.models.submission import submission as table_of
    from bench.run.compute import pick_device
    from data import ScangridError
    from results.diagnosis import write_diagnosis

    for line in model_warnings(model):
        print(f"scangrid: {line}", file=sys.stderr)
    if submission is not None:
        table_of(model, [])
    folders = [Path(studies)] if isinstance(studies, str | Path) else [Path(one) for one in studies]
    table = None if descriptions is None else Path(descriptions)
    found = []
    with one_thread():
        how: dict[str, Any] = {"explain": explain, "anchor": str(anchor or "")}
        for one in grade(model, folders, table, keep_names=keep_names, device=pick_device(device), **how):
            if isinstance(one, ScangridError):
                found.append(Diagnosed(error=str(one)))
            else:
                found.append(Diagnosed(one, write_diagnosis(one, out / one.study)[-1]))
            if each is not None:
                each(found[-1])
    if submission is not None:
        answers = table_of(model, [one.diagnosis for one in found if one.diagnosis])
        replace_file(Path(submission), lambda to: answers.to_csv(to, index=False))
    return found


def _check_outputs(out: Path, submission: Path | None, *, keep_names: bool) -> None:
    """Checks before any study is read that the outputs can be written."""
    file = next((path for path in (out, *out.parents) if path.exists() and not path.is_dir()), None)
    if file is not None:
        raise ArgumentError(f"--out {out}: {file} is a file: name a folder")
    if submission is None:
        return
    if not keep_names:
        raise ArgumentError("--submission needs the studies' own names: give --keep-names too")
    if submission.is_dir() or not submission.parent.is_dir():
        raise ArgumentError(f"--submission {submission}: name a file in a folder that exists")
