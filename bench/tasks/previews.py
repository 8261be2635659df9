"""Samples as encoders will see them, before anything is computed: scans with the outline of a crop, and inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.grid.cells import Step, is_floor
from bench.plan.plan import Plan
from bench.stages.crops import StudyCrops, cut_study
from data.base import DataError, Dataset, Float32, Image
from data.geometry.unplaced import has_spacing
from preprocessing.regions.base import Region

if TYPE_CHECKING:
    import pandas as pd

Variant = tuple[Step, Step]

MOST = 24
MIDDLE = 3
LOOKED = 48  # studies that are read to find samples with all sequences


@dataclass(frozen=True, eq=False)
class PreviewedInput:
    """What one encoder gets of a crop: `(h, w)` float32, and its name with the shape."""

    name: str
    pixels: Float32


@dataclass(frozen=True, eq=False)
class PreviewedSample:
    """One sample in one sequence under one region and image chain.

    Args:
        sample: Its name.
        labels: Its labels, such as `narrowing 1`.
        facts: Shape, spacing and size in mm of the scan and of the crop; the shape alone if the file gives no spacing.
        scan: `(H, W)` float32: the slice of the scan that the middle of the crop lies in; None without a scan.
        stretch: Height of a voxel of that slice divided by its width.
        outline: `(4, 2)` float64 corners of the crop in that slice, as h and w in voxels; None without a crop.
        crop: `(h, w)` float32, the middle slices of the crop, one below the other; None without a crop.
        inputs: What encoders get.
        why: Why there is no scan or crop, or "".
    """

    sample: str
    labels: str
    facts: str
    scan: Float32 | None = None
    stretch: float = 1.0
    outline: NDArray[np.float64] | None = None
    crop: Float32 | None = None
    inputs: list[PreviewedInput] = field(default_factory=list)
    why: str = ""


@dataclass(frozen=True, eq=False)
class PreviewedSheet:
    """The samples of one sequence under one region and image chain; `note` says why there are no crops, or ""."""

    sequence: str
    region: str
    images: str
    samples: list[PreviewedSample]
    note: str = ""


class _Kept(Dataset):
    """A dataset that keeps the scan that was read last."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.image: Image | None = None

    def load(self, study: str, sequence: str) -> Image | None:
        """As the dataset does."""
        self.image = None
        self.image = self._dataset.load(study, sequence)
        return self.image

    def points(self, study: str) -> pd.DataFrame:
        """As the dataset does."""
        return self._dataset.points(study)


def preview_samples(plan: Plan, each: int) -> NDArray[np.int64]:
    """`(n,)` positions of samples to show: of every target and class `each`, those with most sequences first.

    At most 24, of different patients if possible; a sample may show classes of several targets. Which sequences a study
    has is known once its scans are read: those of 48 studies at most.
    """
    chosen: list[int] = []
    studies, sequences, counts = plan.samples["study"].astype(str).tolist(), plan.sequences(), dict[str, int]()

    def n_sequences(i: int) -> int:
        if studies[i] not in counts and len(counts) < LOOKED:
            counts[studies[i]] = sum(_can_load(plan.dataset, studies[i], sequence) for sequence in sequences)
        return counts.get(studies[i], 0)

    for target in plan.grid.targets:
        labels = plan.view.labels[target.name]
        for k in range(len(labels.classes)):
            of_class = np.flatnonzero(labels.y == k).tolist()
            have = [i for i in chosen if labels.y[i] == k]
            patients = {plan.patients[i] for i in chosen}
            fresh = [i for i in of_class if plan.patients[i] not in patients]
            first = list({plan.patients[i]: i for i in reversed(fresh)}.values())[::-1]
            rest = [i for i in of_class if i not in first and i not in have]
            chosen += _first_with_most([*first, *rest], max(0, each - len(have)), n_sequences, len(sequences))
    return np.array(list(dict.fromkeys(chosen))[:MOST], dtype=np.int64)


def _first_with_most(positions: Sequence[int], wanted: int, number: Callable[[int], int], most: int) -> list[int]:
    """The first so many positions of which a number is `most`, and where these are too few, those of a large number."""
    found: list[int] = []
    for i in positions:
        if len(found) == wanted:
            return found
        found += [i] if number(i) == most else []
    others = sorted((i for i in positions if i not in found), key=lambda i: -number(i))
    return [*found, *others][:wanted]


def _can_load(dataset: Dataset, study: str, sequence: str) -> bool:
    try:
        return dataset.load(study, sequence) is not None
    except Exception:  # of whatever kind: the sample is shown, with the reason, if there is no better one
        return False


def previewed(plan: Plan, chosen: NDArray[np.int64]) -> Iterator[PreviewedSheet]:
    """A sheet for each sequence, region and image chain of a grid. Reads the scans of these samples alone.

    Args:
        plan: The plan.
        chosen: `(n,)` positions of the samples.
    """
    for sequence, variants in _asked(plan).items():
        found: dict[Variant, list[PreviewedSample]] = {variant: [] for variant in variants}
        for position in chosen.tolist():
            for variant, one in _of_sample(plan, position, sequence, variants):
                found[variant].append(one)
        for (region, images), samples in found.items():
            plugin: Region = plan.keys.plugin("regions", region)
            note = "" if plugin.fixed else _not_yet(plugin)
            yield PreviewedSheet(sequence, region.label(), images.label(), samples, note)


def _asked(plan: Plan) -> dict[str, dict[Variant, list[Step]]]:
    """By sequence the regions and image chains that cells of the grid use on it, with the encoders that get each."""
    found: dict[str, dict[Variant, list[Step]]] = {}
    for cell in plan.grid.cells(located=False, clinical=False):
        if not is_floor(cell):
            for part in cell["sequences"].each:
                encoders = found.setdefault(part.name, {}).setdefault((cell["regions"], cell["images"]), [])
                encoders += [step for step in cell["encoders"].each if step not in encoders]
    return found


def _not_yet(plugin: Region) -> str:
    if plugin.learns == "nothing":
        return "the region's network finds the boxes during the run, so none is shown"
    return "the region is learnt in each fold of the run, so there is no box yet"


def _of_sample(
    plan: Plan, position: int, sequence: str, variants: Mapping[Variant, Sequence[Step]]
) -> Iterator[tuple[Variant, PreviewedSample]]:
    """A sample in a sequence, read once, under every region and image chain."""
    sample, study = str(plan.ids[position]), str(plan.samples["study"].iloc[position])
    rows = plan.keys.places.iloc[[position]].reset_index().to_dict("records")
    kept = _Kept(plan.dataset)
    fixed = {v: (_fitted(plan, v[0]), _chain(plan, v[1])) for v in variants if plan.keys.plugin("regions", v[0]).fixed}
    names = {f"{i}": variant for i, variant in enumerate(fixed)}
    crops = cut_study(kept, study, sequence, rows, {name: fixed[v] for name, v in names.items()})  # type: ignore[arg-type]
    if not fixed:
        try:
            kept.load(study, sequence)
        except DataError as error:
            crops = {"": StudyCrops([], [-1], [], str(error))}
    labels = ", ".join(
        f"{target.name} {of.classes[of.y[position]]}"
        for target in plan.grid.targets
        if (of := plan.view.labels[target.name]).y[position] >= 0
    )
    by_variant = {variant: crops[name] for name, variant in names.items()}
    for variant, encoders in variants.items():
        yield variant, _sample(plan, sample, labels, kept.image, by_variant.get(variant), encoders, sequence)


def _sample(
    plan: Plan,
    sample: str,
    labels: str,
    image: Image | None,
    crops: StudyCrops | None,
    encoders: Sequence[Step],
    sequence: str,
) -> PreviewedSample:
    if image is None:
        why = crops.faults[0].why if crops is not None and crops.faults else f"this sample has no {sequence}"
        return PreviewedSample(sample, labels, "", why=why)
    known = has_spacing(image)
    facts = f"scan {_facts(image, known)}{'' if known else ', no spacing in the file'}"
    stretch = image.spacing[1] / image.spacing[2]
    if crops is None or crops.entry[0] < 0:
        why = crops.faults[0].why if crops is not None and crops.faults else ""
        middle = image.pixels[len(image.pixels) // 2]
        return PreviewedSample(sample, labels, facts, scan=middle, stretch=stretch, why=why)
    crop = crops.images[crops.entry[0]]
    depth, outline = _outline(image, crop)
    return PreviewedSample(
        sample=sample,
        labels=labels,
        facts=f"{facts}\ncrop {_facts(crop, known)}",
        scan=image.pixels[depth],
        stretch=stretch,
        outline=outline,
        crop=_beside(crop.pixels),
        inputs=list(_inputs(plan, crop, encoders)),
    )


def _inputs(plan: Plan, crop: Image, encoders: Sequence[Step]) -> Iterator[PreviewedInput]:
    """What encoders that prepare their inputs get; equal inputs of several encoders come once."""
    seen: dict[bytes, list[str]] = {}
    made: dict[bytes, Float32] = {}
    for step in encoders:
        prepare = getattr(plan.keys.plugin("encoders", step), "prepare", None)
        if prepare is None:
            continue  # it takes the crop as it is
        try:
            prepared = np.asarray(prepare(crop), dtype=np.float32)
        except ValueError as error:
            yield PreviewedInput(f"{step.name}: {error}", np.zeros((1, 1), dtype=np.float32))
            continue
        pixels = _beside(prepared[0, 0] if prepared.ndim == 5 else prepared[:, 0])
        key = pixels.tobytes() + repr(pixels.shape).encode()
        shape = "x".join(map(str, prepared.shape[2:]))
        seen.setdefault(key, []).append(f"{step.name} {shape}")
        made[key] = pixels
    for key, names in seen.items():
        yield PreviewedInput(", ".join(dict.fromkeys(names)), made[key])


def _beside(pixels: Float32) -> Float32:
    """`(h, w)`: the middle slices (at most three) of `(D, H, W)` one below the other."""
    n = min(MIDDLE, len(pixels))
    start = (len(pixels) - n + 1) // 2
    return np.ascontiguousarray(np.concatenate(list(pixels[start : start + n]), axis=0))


def _outline(image: Image, crop: Image) -> tuple[int, NDArray[np.float64]]:
    """The slice of a scan in which the middle of a crop lies, and the corners `(4, 2)` of the crop in it."""
    D, H, W = crop.pixels.shape
    grid = crop.affine if crop.planes is None else np.asarray(crop.planes)[D // 2]
    d = D // 2 if crop.planes is None else 0
    corners = [(d, h, w) for h, w in ((-0.5, -0.5), (-0.5, W - 0.5), (H - 0.5, W - 0.5), (H - 0.5, -0.5))]
    positions = [(grid @ [*corner, 1.0])[:3] for corner in [*corners, (d, (H - 1) / 2, (W - 1) / 2)]]
    if image.planes is not None:
        depth = int(np.abs(image.on_planes(positions[-1])[0]).argmin())
        return depth, np.array([image.on_planes(p)[1][depth] for p in positions[:-1]])
    index = np.array([image.index(p) for p in positions])
    return int(np.clip(np.rint(index[-1, 0]), 0, len(image.pixels) - 1)), index[:-1, 1:]


def _facts(image: Image, known: bool) -> str:
    """Shape, spacing and size in mm; the shape alone where the spacing is not known."""
    if not known:
        return f"{'x'.join(map(str, image.pixels.shape))} pixels"
    shape, spacing = image.pixels.shape, image.spacing
    size = [n * s for n, s in zip(shape, spacing, strict=True)]
    texts = ["x".join(map(str, shape)), "x".join(f"{s:.3g}" for s in spacing), "x".join(f"{s:.0f}" for s in size)]
    return f"{texts[0]} voxels of {texts[1]} mm ({texts[2]} mm)"


def _fitted(plan: Plan, region: Step) -> Any:
    return plan.keys.plugin("regions", region).fit([], seed=0, device="cpu")


def _chain(plan: Plan, images: Step) -> tuple[Any, ...]:
    return tuple(plan.keys.plugin("images", step) for step in images.each)
