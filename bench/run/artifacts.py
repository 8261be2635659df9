"""The artifacts of a run: tables and arrays from trained regions, encoders and fusions, and the index to them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.grid.axes import names
from bench.grid.cells import NONE
from bench.plan.plan import Plan
from bench.plan.references import CropsRef, Fit, Fold, PlannedCell, TokensRef
from bench.run.files import write_json
from bench.tasks.store import Store
from data.files.whole import MARKER, new_folder, remove_folder
from data.text.file_names import shortened

FOLDER, INDEX, MARK = "artifacts", "index.json", "made_by.json"
LONGEST = 180  # bytes of a folder's name
_ODD = re.compile(r"[/\\\x00-\x1f\x7f]")  # signs that would leave the folder, or that no name may have
_NOT_KEPT = ("vectors", "present", "probabilities")


@dataclass(kw_only=True)
class IndexEntry:
    """One entry of the index: one step in one fold.

    Args:
        step: `"region"`, `"encoder"` or `"fusion"`.
        words: The step in words for a reader: the labels of all steps that went into it.
        axes: These labels by axis.
        target: The target that the step was trained for; None if it was trained without labels.
        sequences: The sequences that it was trained on.
        images: The label of the image chain; None if it read no processed images.
        repeat: The repeat of its fold.
        fold: The number of its fold.
        folder: The folder of its files, below `artifacts/`. The name is for readers alone.
        cells: The keys of the cells that use it.
        files: Its files below `folder`, by their content, such as `learning_curve`, `attention_slices` or
            `reconstructions`; a fusion of several encoders has several of each.
        seconds: How long the training took; None if that is no longer known.
    """

    step: str
    words: list[str]
    axes: dict[str, str]
    target: str | None
    sequences: list[str]
    images: str | None
    repeat: int
    fold: int
    folder: str
    cells: list[str] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=dict)
    seconds: float | None = None


def keep_artifacts(folder: Path, plan: Plan, store: Store, cells: list[PlannedCell]) -> None:
    """Copies tables and small arrays of trained steps from the store into the run folder, and writes their index.

    If a step is no longer in the store, what the run folder already has is kept. Folders that no cell uses are removed.
    """
    root = folder / FOLDER
    found: dict[tuple[str, str], IndexEntry] = {}
    for planned in cells:
        for fit in planned.fits:
            for kind, key, entry in _of_fit(plan, planned, fit):
                if (kind, key) not in found:
                    found[kind, key] = entry
                    _copy(store, kind, key, root / entry.folder)
                    _describe(entry, root / entry.folder)
                if found[kind, key].cells[-1:] != [planned.key]:
                    found[kind, key].cells.append(planned.key)
    known = {root / one.folder for one in found.values()}
    for one in root.glob("*/*/"):
        if one not in known:
            remove_folder(one, MARK)
    for one in root.glob("*/"):
        with suppress(OSError):  # it holds something
            one.rmdir()
    if found:
        root.mkdir(parents=True, exist_ok=True)
        write_json(root / INDEX, [asdict(entry) for entry in found.values()])
    elif root.is_dir():
        (root / INDEX).unlink(missing_ok=True)
        with suppress(OSError):
            root.rmdir()


def _of_fit(plan: Plan, planned: PlannedCell, fit: Fit) -> Iterator[tuple[str, str, IndexEntry]]:
    """For each store entry that has artifacts in a fold: its kind, its key and its entry of the index."""
    refs = [ref for each in fit.tokens for ref in each]
    for crops in {ref.crops.network: ref.crops for ref in refs if ref.crops.fold is not None}.values():
        yield "regions", crops.network, _of_region(plan, crops, fit.fold)
    for ref in refs:
        if ref.fold is not None:
            yield "networks", ref.network, _of_encoder(planned, ref, fit.fold)
    if fit.fused is not None:
        yield "fused", fit.fused.key, _of_fusion(planned, fit.fused.key, fit.fold)


def _of_region(plan: Plan, crops: CropsRef, fold: Fold) -> IndexEntry:
    everywhere = plan.keys.plugin("regions", crops.region).joins_sequences
    label = crops.region.label()
    words = [label] if everywhere else [label, crops.sequence]
    return IndexEntry(
        step="region",
        words=words,
        axes={"regions": label},
        target=None,
        sequences=list(plan.dataset.sequences) if everywhere else [crops.sequence],
        images=None,
        repeat=fold.repeat,
        fold=fold.number,
        folder=_named(words, fold, crops.network),
    )


def _of_encoder(planned: PlannedCell, ref: TokensRef, fold: Fold) -> IndexEntry:
    axes = {
        "encoders": ref.encoder.label(),
        "sequences": ref.crops.sequence,
        "regions": ref.crops.region.label(),
        "images": ref.crops.images.label(),
    }
    if ref.present is not None and planned.cell["drop"] != NONE:
        axes["drop"] = planned.cell["drop"].label()
    return IndexEntry(
        step="encoder",
        words=list(axes.values()),
        axes=axes,
        target=None if ref.y is None else planned.cell.target,
        sequences=[ref.crops.sequence],
        images=axes["images"],
        repeat=fold.repeat,
        fold=fold.number,
        folder=_named(list(axes.values()), fold, ref.network),
    )


def _of_fusion(planned: PlannedCell, key: str, fold: Fold) -> IndexEntry:
    cell = planned.cell
    axes = {axis: cell[axis].label() for axis in names("samples", "features") if cell[axis] != NONE}
    words = [cell.target, *axes.values()]
    return IndexEntry(
        step="fusion",
        words=words,
        axes=axes,
        target=cell.target,
        sequences=[part.name for part in cell["sequences"].each],
        images=axes.get("images"),
        repeat=fold.repeat,
        fold=fold.number,
        folder=_named(words, fold, key),
    )


def _named(words: list[str], fold: Fold, key: str) -> str:
    """A readable folder name for a store entry; the key in it separates steps with equal labels."""
    label = shortened(_ODD.sub("_", " ".join(words)), LONGEST).strip(" .") or "_"
    return f"{label}/repeat{fold.repeat}_fold{fold.number}_{key[:12]}"


def _copy(store: Store, kind: str, key: str, target: Path) -> None:
    """Copies tables and small arrays of a store entry; predictions and vectors stay in the store."""
    source, mark = store.find(kind, key, part=(MARK,)), target / MARK
    if source is None or (mark.exists() and mark.read_bytes() == (source / MARK).read_bytes()):
        return
    files = [file for file in sorted(source.rglob("*.*")) if _is_kept(file)]
    if store.find(kind, key, part=[MARK, *(file.relative_to(source).as_posix() for file in files)]) is None:
        return
    remove_folder(target, MARK)
    with new_folder(target) as draft:
        for file in files:
            copied = draft / file.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copied)
        shutil.copy(source / MARK, draft / MARK)
        (draft / MARKER).unlink()


def _is_kept(file: Path) -> bool:
    return file.suffix == ".csv" or (file.suffix == ".npy" and file.stem not in _NOT_KEPT)


def _describe(entry: IndexEntry, folder: Path) -> None:
    """Adds the files of an entry and the duration of its training."""
    if not (folder / MARK).exists():
        return
    entry.seconds = json.loads((folder / MARK).read_text(encoding="utf-8")).get("seconds")
    for file in sorted(path for path in folder.rglob("*.*") if path.is_file() and path.name != MARK):
        content = file.stem.rstrip("0123456789").rstrip("_")  # the arrays of joined encoders are numbered
        entry.files.setdefault(content, []).append(file.relative_to(folder).as_posix())
