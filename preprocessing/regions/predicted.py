"""A box around a point that trained networks find."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import Box, Image
from data.describing.plug_in import Description
from preprocessing.regions.base import Region, Study
from preprocessing.regions.localisation.baselines import Baselines, centre_of
from preprocessing.regions.localisation.coordinates import PointStage
from preprocessing.regions.localisation.finder import Finder, errors
from preprocessing.regions.localisation.instance import SliceStage, VolumeStage
from preprocessing.regions.localisation.marks import mark_of, marks_by_sequence, usable_points
from preprocessing.regions.localisation.networks import (
    DEPTHS,
    heatmap_network,
    point_network,
    slice_network,
    volume_network,
)
from preprocessing.regions.localisation.stack import Stack, places_of
from preprocessing.regions.localisation.training import Schedule, seeded
from preprocessing.regions.networks.training import check_training, held_out
from preprocessing.regions.point import Point

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

POINTS = "points.json"
STAGES = ("instance", "coordinates")


@dataclass(frozen=True, kw_only=True)
class Predicted(Region):
    """A box around a sample's point, which networks find: first its slice, then its place in that slice.

    Both stages learn from the annotated points of the fold's training patients: one pair of networks a sequence, with
    one output for each kind of point (such as a condition at a level and side). A point is looked for in the sequence
    in which most points of its condition were marked. The epoch with the least error on inner patients is kept. Slices
    are never flipped in training: left stays left. The defaults are for two cores.

    Args:
        instance: Stage 1: `"slices"`, a 2D network on every slice and a GRU over them that say which is likeliest,
            or `"regression"`, a 3D ResNet that gives the slice as a share of the depth.
        coordinates: Stage 2: `"heatmap"`, one heat map a point whose mean is taken, or `"regression"`, an
            encoder-decoder with a head a point.
        encoder: The name of the timm network that reads slices in both stages.
        encoder_weights: A file of its weights; empty for random ones.
        slice_pixels: Side of the squares that the slices of `instance="slices"` are resized to.
        pixels: Side of the squares that the slices of stage 2 are resized to; `slice_pixels` or more.
        volume: Voxels (D, H, W) that the scans of `instance="regression"` are resized to.
        depth: Layers of the 3D ResNet: 10, 18, 34, 50, 101, 152 or 200.
        instance_weights: A file of MedicalNet's weights for the 3D ResNet; empty for random ones.
        epochs: At most; the learning rate rises and falls over them (one cycle).
        pictures: Marked slices of each scan that stage 2 sees an epoch, at most.
        scans: A training step of stage 1.
        batch_size: Slices a training step of stage 2.
        learning_rate: The highest, of AdamW.
        validation: Share of the training patients held out to stop early.
        patience: Epochs without a smaller error before training stops.
        size: As in the region `point`, mm.
        slices: As in the region `point`.
        mirror: As in the region `point`.

    References:
        A. Nibali et al., Numerical coordinate regression with convolutional neural networks, 2018, arXiv:1801.07372.
        S. Chen, K. Ma, Y. Zheng, Med3D: Transfer learning for 3D medical image analysis, 2019, arXiv:1904.00625.
        L. Smith, N. Topin, Super-convergence, 2017, arXiv:1708.07120 (one cycle).
    """

    words = (
        "a box around a point that networks find, first its slice and then its place in that slice, trained on "
        "annotated points"
    )
    cites = ("smith2017", "wightman2019")
    packages = ("torch", "timm")

    uses_points: ClassVar[bool] = True
    finds_points: ClassVar[bool] = True
    fitted: ClassVar[bool] = True

    instance: Literal["slices", "regression"] = "slices"
    coordinates: Literal["heatmap", "regression"] = "heatmap"
    encoder: str = "test_efficientnet"
    encoder_weights: str = ""
    slice_pixels: int = 64
    pixels: int = 128
    volume: tuple[int, int, int] = (16, 112, 112)
    depth: int = 18
    instance_weights: str = ""
    epochs: int = 12
    pictures: int = 4
    scans: int = 4
    batch_size: int = 8
    learning_rate: float = 8e-3
    validation: float = 0.15
    patience: int = 6
    size: tuple[float, float] = (60.0, 60.0)
    slices: int = 5
    mirror: bool = False

    def __post_init__(self) -> None:
        for name, values in (("instance", ("slices", "regression")), ("coordinates", ("heatmap", "regression"))):
            if getattr(self, name) not in values:
                raise ValueError(f"{name} '{getattr(self, name)}' is none of {', '.join(values)}")
        for name in ("slice_pixels", "pixels"):
            if getattr(self, name) < 32 or getattr(self, name) % 16:
                raise ValueError(f"{name} ({getattr(self, name)}) must be a multiple of 16 of 32 or more: use 128")
        if self.slice_pixels > self.pixels:
            raise ValueError(f"slice_pixels ({self.slice_pixels}) must not exceed pixels ({self.pixels})")
        if len(self.volume) != 3 or min(self.volume) < 1:
            raise ValueError(f"volume {self.volume} must be three sides (D, H, W) of 1 or more")
        if self.depth not in DEPTHS:
            raise ValueError(f"depth ({self.depth}) is none of {', '.join(map(str, DEPTHS))}")
        check_training(self, ("epochs", "pictures", "scans", "batch_size", "patience"))

    def trained(self) -> Predicted:
        """See `Region.trained`."""
        plain = Predicted()
        return replace(self, size=plain.size, slices=plain.slices, mirror=plain.mirror)

    def fit_points(self, studies: Sequence[Study], *, seed: int, device: str) -> FoundPoints:
        """Trains on the studies that have annotated points; a scan is read once and kept as small squares (float16).

        Raises:
            ValueError: A network that timm lacks, weights that don't fit, or no study has a usable point.
        """
        finders: dict[str, Finder] = {}
        curves: list[dict[str, Any]] = []
        for sequence, marks in marks_by_sequence(studies).items():
            stacks, places, centres = [], [], []
            for study in studies:
                here = places_of(study, sequence, marks)
                image = study.images[sequence]() if np.isfinite(here).any() and sequence in study.images else None
                if image is None:
                    continue
                places.append(here)
                centres.append(centre_of(image))
                stacks.append(Stack.of(image, self.pixels, patient=study.patient, places=here))
            if not any((stack.slices >= 0).any() for stack in stacks):
                continue
            finder = self._finder(marks, Baselines.fit(places, centres), seed=seed, device=device)
            finders[sequence] = finder
            seen = [stack for stack in stacks if (stack.slices >= 0).any()]
            held = held_out([stack.patient for stack in seen], self.validation, seed)
            train, inner = ([s for s, out in zip(seen, held, strict=True) if out == which] for which in (False, True))
            schedule = Schedule(epochs=self.epochs, learning_rate=self.learning_rate, patience=self.patience)
            for name in STAGES:
                curve = schedule.run(getattr(finder, name), train, inner, seed=seed, device=device)
                curves += [{"sequence": sequence, "stage": name, **line} for line in curve]
        if not finders:
            raise ValueError(f"none of {len(studies)} training studies has an annotated point that its scans show")
        return FoundPoints(finders, curves)

    def load_points(self, folder: Path, *, device: str) -> FoundPoints:
        """What `FoundPoints.save` wrote."""
        from safetensors.torch import load_file

        kept = json.loads((folder / POINTS).read_text())
        finders = {}
        for i, one in enumerate(kept["sequences"]):
            marks = [tuple((str(k), str(v)) for k, v in mark) for mark in one["marks"]]
            mean, centre = (np.asarray(one[name], dtype=np.float64) for name in ("mean", "centre"))
            bare = Predicted(**{**asdict(self), "encoder_weights": "", "instance_weights": ""})
            finder = bare._finder(marks, Baselines(mean, centre), seed=0, device=device)
            for name in STAGES:
                network: nn.Module = getattr(finder, name).network
                network.load_state_dict(load_file(folder / f"{name}_{i}.safetensors", device=device))
                network.eval()
            finders[one["sequence"]] = finder
        return FoundPoints(finders, kept["curve"])

    def weights_digest(self) -> str:
        """The sha256 of each file of weights; empty where none is given.

        Raises:
            ValueError: There is no such file.
        """
        digests = []
        for path in filter(None, (self.instance_weights, self.encoder_weights)):
            if not Path(path).is_file():
                raise ValueError(f"weights '{path}' is not a file: give one, or '' to train from random weights")
            with Path(path).open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        return " ".join(digests)

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box around the sample's `point`, as the region `point` has it; None where none was found."""
        return Point(size=self.size, slices=self.slices, mirror=self.mirror).locate(image, sample)

    def _finder(self, marks: Sequence[Any], baselines: Baselines, *, seed: int, device: str) -> Finder:
        name, weights, count = self.encoder, self.encoder_weights, len(marks)
        instance: SliceStage | VolumeStage
        if self.instance == "slices":
            size = self.slice_pixels
            network = seeded(lambda: slice_network(name, weights, size=size, marks=count), seed)
            instance = SliceStage(network.to(device), size, self.scans, device)
        else:
            network = seeded(lambda: volume_network(self.depth, self.instance_weights, marks=count), seed)
            instance = VolumeStage(network.to(device), self.volume, self.scans, device)
        heatmaps = self.coordinates == "heatmap"
        build = heatmap_network if heatmaps else point_network
        pointing = seeded(lambda: build(name, weights, size=self.pixels, marks=count), seed).to(device)
        coordinates = PointStage(pointing, heatmaps, self.pictures, self.batch_size, device)
        return Finder(marks, instance, coordinates, self.pixels, baselines, device)

    def describe(self) -> Description:
        """With the papers of the chosen stages."""
        found = super().describe()
        heat_map = ("nibali2018",) if self.coordinates == "heatmap" else ()
        volume = self.instance == "regression"
        return replace(
            found,
            cites=(*heat_map, *found.cites, *(("chen2019",) if volume else ())),
            packages=(*found.packages, *(("monai",) if volume else ())),
            stops_early=self.validation > 0,
            weights="file" if self.encoder_weights or (volume and self.instance_weights) else "random",
        )


class FoundPoints:
    """Trained networks that find the points of samples, as `FittedPoints`."""

    def __init__(self, finders: Mapping[str, Finder], curves: Sequence[Mapping[str, Any]]) -> None:
        self._finders, self._curves = finders, curves
        self._known = {mark: (q, i) for q, finder in finders.items() for i, mark in enumerate(finder.marks)}

    def find(self, study: Study) -> pd.DataFrame:
        """The points of all samples; where a sequence is missing or a kind of point was never seen, `fault` says so."""
        import pandas as pd

        rows: dict[str, tuple[str, float, float, float, str, int]] = {}
        found: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]] | None] = {}
        for sample in study.samples:
            sequence, i = self._known.get(mark_of(sample), ("", -1))
            if sequence and sequence not in found:
                image = study.images[sequence]() if sequence in study.images else None
                found[sequence] = None if image is None else self._finders[sequence].find(image)
            slices = found.get(sequence)
            if slices is None:
                place = " ".join(value for _, value in mark_of(sample))
                fault = f"no {sequence} in this study" if sequence else f"no training point of {place}"
                rows[sample["sample"]] = (sequence, np.nan, np.nan, np.nan, fault, -1)
            else:
                x, y, z = map(float, slices[1][i])
                rows[sample["sample"]] = (sequence, x, y, z, "", int(slices[0][i]))
        columns = ["sequence", "x", "y", "z", "fault", "slice"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return table.rename_axis("sample")

    def rate(self, study: Study, found: pd.DataFrame) -> pd.DataFrame:
        """How far the points lie from the annotated ones, and how far two guesses that see nothing of the scan do.

        Returns:
            Index `sample`; `slices` (of the sequence in which the point is looked for), `slice_mm` (along the normal of
            the annotated slice) and `mm` (in space); the same with `_mean` of the mean place in training patients, and
            with `_centre` of the mean place from the scan's centre. NaN where nothing was found.
        """
        import pandas as pd

        names = ("slices", "slice_mm", "mm")
        rows: dict[str, dict[str, float]] = {}
        images: dict[str, Image | None] = {}
        guesses: dict[str, dict[str, NDArray[np.float64]]] = {}
        annotated = usable_points(study)
        for sample in study.samples:
            name = sample["sample"]
            if name not in annotated:
                continue
            row = {f"{n}{which}": np.nan for which in ("", "_mean", "_centre") for n in names}
            sequence, i = self._known.get(mark_of(sample), ("", -1))
            if sequence and sequence not in images:
                images[sequence] = image = study.images[sequence]() if sequence in study.images else None
                guesses[sequence] = {} if image is None else self._finders[sequence].baselines.places(image)
            image = images.get(sequence)
            at = found.loc[name, ["x", "y", "z"]].to_numpy(dtype=np.float64)
            if image is not None and np.isfinite(at).all():
                place = np.asarray(annotated[name][1])
                row |= zip(names, errors(image, place, at, int(found.loc[name, "slice"])), strict=True)
                for which, guess in guesses[sequence].items():
                    row |= zip((f"{n}_{which}" for n in names), errors(image, place, guess[i]), strict=True)
            rows[name] = row
        columns = [f"{n}{which}" for which in ("", "_mean", "_centre") for n in names]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=np.float64).rename_axis("sample")

    def save(self, folder: Path) -> None:
        """`points.json`, and for sequence number i `instance_{i}.safetensors` and `coordinates_{i}.safetensors`."""
        from safetensors.torch import save_file

        sequences = []
        for i, (sequence, finder) in enumerate(self._finders.items()):
            for name in STAGES:
                state = getattr(finder, name).network.state_dict()
                tensors = {key: tensor.cpu().contiguous() for key, tensor in state.items()}
                save_file(tensors, folder / f"{name}_{i}.safetensors")
            guesses = {"mean": finder.baselines.mean.tolist(), "centre": finder.baselines.centre.tolist()}
            sequences.append({"sequence": sequence, "marks": finder.marks, **guesses})
        (folder / POINTS).write_text(json.dumps({"sequences": sequences, "curve": self._curves}, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve`: sequence, stage, epoch, train_loss, validation_error (slices, or mm in the slice)."""
        import pandas as pd

        columns = ["sequence", "stage", "epoch", "train_loss", "validation_error"]
        return {"learning_curve": pd.DataFrame(self._curves, columns=columns)}
