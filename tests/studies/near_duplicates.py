"""How many planted near-duplicates are found, how many true non-pairs are called, and what looking for them costs.

    python -m tests.studies.near_duplicates ../shared/data .store/near_duplicates

Copies of real disc crops and of real volumes are changed in one way each and planted under another patient. All pairs
of two patients that were not planted are true non-pairs: on the real crops, the real volumes, AdrenalMNIST3D, and
phantoms of all four layouts. The first folder holds the data of the gallery's grids; phantoms are written to the
second. The cost is the CPU time of reading all scans into crops, with and without looking, in turns. It takes four
minutes on one core; `--picture FILE` also draws the likeness of both kinds of pairs.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import cv2
import numpy as np
import pandas as pd

from bench.grid.file import read_grid
from bench.plan.likeness import LIKELY, SURE, alike
from bench.plan.plan import Plan
from bench.plugins import load
from bench.run.progress import Progress
from bench.stages.copies import Agreement, compare
from bench.stages.looks import look
from bench.tasks.reading import make_crops
from bench.tasks.store import Store
from data.base import Dataset, Float32
from data.phantom import LAYOUTS
from tests.copying import CHANGES

EVERY, ROUNDS = 4, 3
HARDER = {
    "3 % cut off on each side": lambda picture: _cut(picture, 0.03),
    "6 % cut off on each side": lambda picture: _cut(picture, 0.06),
}
VOLUMES: dict[str, Callable[[Any], Any]] = {
    "slices in reverse": lambda scan: scan[::-1],
    "all axes reversed": lambda scan: scan[::-1, ::-1, ::-1],
    "padded on all sides": lambda scan: np.pad(scan, ((2, 1), (9, 4), (0, 12))),
    "half the size in the plane": lambda scan: np.stack([CHANGES["half the size"](one) for one in scan]),
    "JPEG, quality 75, each slice": lambda scan: np.stack([CHANGES["JPEG, quality 75"](one) for one in scan]),
    "brighter and clipped": CHANGES["brighter and clipped"],
    "every second slice": lambda scan: scan[::2],
}
Pair = tuple[float, float, float, float]  # likeness, whole, detail, texture; -1 unless pixels were compared


def main() -> None:
    """Plants, looks, prints."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("work", type=Path)
    arguments.add_argument("--only", choices=("planted", "others", "cost"), help="one of the three tables")
    arguments.add_argument("--picture", type=Path)
    options = arguments.parse_args()
    cv2.setNumThreads(1)
    sets = dict(datasets(options.data, options.work))
    planted = print_planted(sets) if options.only in (None, "planted") else {}
    likeness = print_others(sets) if options.only in (None, "others") else {}
    if options.only in (None, "cost"):
        print("\n| cost | scans | reading, s | with looking, s | more |\n|:--|--:|--:|--:|--:|")
        for name in sets:
            count, without, more = cost(name, options.data, options.work)
            print(f"| {name} | {count} | {without:.2f} | {without + more:.2f} | {more / without:.1%} |", flush=True)
    if options.picture and planted and likeness:
        draw(planted, likeness, options.picture)


def print_planted(sets: Mapping[str, Dataset]) -> dict[str, list[Pair]]:
    """Prints how many copies of each kind are found; gives the pairs by kind."""
    print("| planted | n | compared | found | known to a model |\n|:--|--:|--:|--:|--:|")
    planted: dict[str, list[Pair]] = {}
    for name, changes in (("disc crops", {**CHANGES, **HARDER}), ("T2 SPACE volumes", VOLUMES)):
        scans = [scan for scan, _ in scans_of(sets[name])][:: EVERY if name == "disc crops" else 1]
        for change, changed in changes.items():
            pairs = planted[f"{name}: {change}"] = list(copies(scans, changed, flat=name == "disc crops"))
            found, sure = (sum(map(test, pairs)) / len(pairs) for test in (_found, _sure))
            compared = sum(pair[1] >= 0 for pair in pairs) / len(pairs)
            print(f"| {name}: {change} | {len(pairs)} | {compared:.3f} | {found:.3f} | {sure:.3f} |", flush=True)
    return planted


def print_others(sets: Mapping[str, Dataset]) -> dict[str, tuple[int, list[Pair]]]:
    """Prints how many true non-pairs are called; gives their number and those that look alike, by set."""
    print("\n| true non-pairs | scans | pairs | compared | called | known to a model | highest detail | texture |")
    print("|:--|--:|--:|--:|--:|--:|--:|--:|")
    likeness: dict[str, tuple[int, list[Pair]]] = {}
    for name, dataset in sets.items():
        count, total, pairs = others(dataset)
        likeness[name] = (total, pairs)
        detail, texture = max(((pair[2], pair[3]) for pair in pairs), default=(0.0, 0.0))
        called, sure = (sum(map(test, pairs)) for test in (_found, _sure))
        found = f"{len(pairs)} | {called} | {sure} | {detail:.2f} | {texture:.2f}"
        print(f"| {name} | {count} | {total} | {found} |", flush=True)
    return likeness


def datasets(data: Path, work: Path) -> Iterator[tuple[str, Dataset]]:
    """The real sets and the phantoms by name."""
    for name, (plugin, fields, *_) in described(data, work).items():
        yield name, load("data", plugin, **fields)


def described(data: Path, work: Path) -> Mapping[str, tuple[str, dict[str, Any], str, list[str]]]:
    """For each set its plug-in, its fields, a target and sequences."""
    spines = work / "t2space"
    for name, source in (("images", "spider-t2space-volumes/images"), ("masks", "spider-t2space-volumes/masks")):
        if not (spines / name).exists():
            shutil.copytree(data / source, spines / name)
    for name in ("radiological_gradings.csv", "overview.csv"):
        shutil.copyfile(data / "spider-tables" / name, spines / name)
    for layout, patients in {"spider": 20, "rsna": 8, "oai": 20, "lesions": 20}.items():
        if not (work / layout).exists():
            LAYOUTS[layout](work / layout, patients=patients)
    crops = {"table": str(data / "spider-ivd-crops-2d" / "labels.csv"), "image": "file", "locations": ("ivd_label",)}
    lesions = {"table": str(work / "lesions" / "labels.csv"), "locations": ("level",), "labels": ("lesion",)}
    adrenal = {"file": str(data / "medmnist-adrenal3d64" / "adrenalmnist3d_64.npz")}
    return {
        "disc crops": ("image_table", {**crops, "labels": ("disc_narrowing",)}, "disc_narrowing", ["t1", "t2"]),
        "T2 SPACE volumes": ("spider", {"folder": str(spines)}, "narrowing", ["t2_SPACE"]),
        "AdrenalMNIST3D": ("medmnist", adrenal, "label", ["image"]),
        "phantom spider": ("spider", {"folder": str(work / "spider")}, "narrowing", ["t1", "t2"]),
        "phantom rsna": (
            "rsna",
            {"folder": str(work / "rsna")},
            "spinal_canal_stenosis",
            ["sagittal_t1", "sagittal_t2", "axial_t2"],
        ),
        "phantom oai": ("oai", {"folder": str(work / "oai")}, "oa", ["dess"]),
        "phantom lesions": ("image_table", lesions, "lesion", ["t1", "t2"]),
    }


def scans_of(dataset: Dataset) -> Iterator[tuple[Float32, str]]:
    """All scans with their patients."""
    samples = dataset.samples()
    for study, patient in dict(zip(samples["study"].astype(str), samples["patient"].astype(str), strict=True)).items():
        for sequence in dataset.sequences:
            if (image := dataset.load(study, sequence)) is not None:
                yield image.pixels, patient


def copies(scans: list[Float32], change: Callable[[Any], Any], *, flat: bool) -> Iterator[Pair]:
    """Each scan beside its changed copy."""
    for scan in scans:
        plain = np.clip(np.rint(scan), 0, 255).astype(np.uint8)
        changed = np.ascontiguousarray(change(plain[0])[None] if flat else change(plain), dtype=np.float32)
        found = list(alike(look(scan)[None], look(changed)[None], LIKELY))
        yield (found[0].likeness, *compare(scan, changed, found[0].placement)) if found else (0.0, -1.0, -1.0, -1.0)


def others(dataset: Dataset) -> tuple[int, int, list[Pair]]:
    """The scans of a set, its pairs of two patients, and those of them that look alike."""
    looks, patients, where = [], [], []
    samples = dataset.samples()
    for study, patient in dict(zip(samples["study"].astype(str), samples["patient"].astype(str), strict=True)).items():
        for sequence in dataset.sequences:
            if (image := dataset.load(study, sequence)) is not None:
                looks.append(look(image.pixels))
                patients.append(patient)
                where.append((study, sequence))
    of_patient = pd.Series(patients).value_counts().to_numpy()
    total = (len(patients) ** 2 - int((of_patient**2).sum())) // 2
    pairs: list[Pair] = []
    for one in alike(np.array(looks), None, LIKELY):
        if patients[one.first] != patients[one.second]:
            first, second = (dataset.load(*where[i]) for i in (one.first, one.second))
            assert first is not None and second is not None
            pairs.append((one.likeness, *compare(first.pixels, second.pixels, one.placement)))
    return len(patients), total, pairs


def cost(name: str, data: Path, work: Path) -> tuple[int, float, float]:
    """The scans of a set, the CPU seconds of reading them, and those that looking adds: medians of paired rounds."""
    plugin, fields, target, sequences = described(data, work)[name]
    grid = work / "grid.yaml"
    listed = ", ".join(f"{key}: {list(one) if isinstance(one, tuple) else one}" for key, one in fields.items())
    grid.write_text(
        f"data: {{{plugin}: {{{listed}}}}}\ntargets: [{target}]\nsequences: [{', '.join(sequences)}]\n"
        "encoders: [raw_pixels]\nheads: [logistic]\n"
    )
    took: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * ROUNDS + 2):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            plan = Plan(read_grid(grid), store)
            plan.crops_refs()
            start = time.process_time()
            progress = Progress(live=False, show=lambda line: None)
            make_crops(plan, store, jobs=1, progress=progress, compared=bool(number % 2))
            if number > 1:  # the first two warm up
                took[bool(number % 2)].append(time.process_time() - start)
            count = sum(crops is not None and len(crops.digests) for crops in map(plan.crops, plan.crops_refs()))
    more = float(np.median(np.subtract(took[True], took[False])))
    return int(count), float(np.median(took[False])), more


def draw(planted: Mapping[str, list[Pair]], likeness: Mapping[str, tuple[int, list[Pair]]], to: Path) -> None:
    """The share of pairs at least as alike as a threshold: planted ones by kind, and true non-pairs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    at = np.linspace(LIKELY[0], 1, 200)
    for name, pairs in planted.items():
        if name.startswith("disc crops"):
            shares = (np.array([pair[0] for pair in pairs])[:, None] >= at).mean(axis=0)
            weak = shares[np.searchsorted(at, SURE[0])] < 0.95
            axes[0].plot(
                at, shares, label=fill(name.partition(": ")[2], 24) if weak else None, color=None if weak else "0.75"
            )
    axes[0].axvline(SURE[0], color="0.5", linestyle=":")
    axes[0].set(xlabel="likeness, at least", ylabel="share of planted copies", title="Copies of real crops")
    axes[0].legend(fontsize=6, title="others in grey", title_fontsize=6, loc="upper left", bbox_to_anchor=(0, 0.95))
    for name, (total, pairs) in likeness.items():
        shares = (np.array([pair[0] for pair in pairs], dtype=float)[:, None] >= at).sum(axis=0) / total
        if len(pairs):
            axes[1].plot(at, np.where(shares > 0, shares, np.nan), label=f"{name} ({total})")
    axes[1].axvline(SURE[0], color="0.5", linestyle=":")
    axes[1].set(xlabel="likeness, at least", ylabel="share of true non-pairs", title="Two patients", yscale="log")
    axes[1].set_xlim(axes[0].get_xlim())
    axes[1].legend(fontsize=7, title="pairs of scans", title_fontsize=7)
    figure.savefig(to, dpi=130)


def _found(pair: Pair) -> bool:
    return Agreement(*pair[1:]).copied


def _sure(pair: Pair) -> bool:
    return pair[0] >= SURE[0]


def _cut(picture: Any, share: float) -> Any:
    height, width = (round(side * share) for side in picture.shape)
    return picture[height : picture.shape[0] - height, width : picture.shape[1] - width]


if __name__ == "__main__":
    main()
