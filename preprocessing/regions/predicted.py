"""A box around a point that trained networks find."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from data.describing.plug_in import Description
from data.describing.training import tell_progress
from encoders.networks.stopping import held_out
from encoders.networks.torch_base import seeded
from encoders.networks.weights import file_digest
from preprocessing.regions.base import Region, Study
from preprocessing.regions.localisation.anchors import check_levels, read_anchors
from preprocessing.regions.localisation.baselines import Baselines, centre_of
from preprocessing.regions.localisation.coordinates import PointStage
from preprocessing.regions.localisation.finder import Finder
from preprocessing.regions.localisation.fitted import POINTS, STAGES, FittedPredicted
from preprocessing.regions.localisation.instance import SliceStage, VolumeStage
from preprocessing.regions.localisation.levels import LEVEL, LevelChain, chains_of
from preprocessing.regions.localisation.marks import PointKind, marks_by_sequence
from preprocessing.regions.localisation.networks import (
    DEPTHS,
    heatmap_network,
    point_network,
    slice_network,
    volume_network,
)
from preprocessing.regions.localisation.stack import Stack, places_of
from preprocessing.regions.localisation.training import Schedule
from preprocessing.regions.networks.training import check_training
from preprocessing.regions.point import Point

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Predicted(Region):
    """A box around a sample's point, which networks find: first its slice, then its place in that slice.

    Both stages learn from the annotated points of the fold's training patients: one pair of networks for each sequence,
    with one output for each kind of point (such as a condition at a level and side). A point is looked for in the
    sequence in which most points of its condition were marked. The epoch with the least error on inner patients is
    kept. Slices are never flipped in training: left stays left. The defaults are for two cores.

    The points of training patients, around which heads learn, are found by cross-fitting: by networks that learnt from
    the other training patients. So they are about as wrong as the points of test patients, which networks find that
    learnt from all training patients.

    The heat maps of the levels of a spine are read together: the levels are counted from the lowest up, each about one
    learnt distance above the other, and the lowest weighs most. Flat maps, as of short trainings, give their means.

    Args:
        instance: Stage 1: `"slices"`, a 2D network on every slice and a GRU over all slices, which give the likeliest
            slice, or `"regression"`, a 3D ResNet that gives the slice as a share of the depth.
        coordinates: Stage 2: `"heatmap"`, one heat map for each point, whose mean is taken, or `"regression"`, an
            encoder-decoder with a head for each point.
        encoder: The name of the timm network that reads slices in both stages.
        encoder_weights: A file of its weights; empty for random ones.
        slice_pixels: Side of the squares that the slices of `instance="slices"` are resized to.
        pixels: Side of the squares that the slices of stage 2 are resized to; `slice_pixels` or more.
        volume: Voxels (D, H, W) that the scans of `instance="regression"` are resized to.
        depth: Layers of the 3D ResNet: 10, 18, 34, 50, 101, 152 or 200.
        instance_weights: A file of MedicalNet's weights for the 3D ResNet; empty for random ones.
        epochs: The most epochs; the learning rate rises and falls over them (one cycle).
        least_steps: Training steps of a stage; where `epochs` of a small training set have fewer, epochs and patience
            grow to reach them.
        pictures: The most marked slices of a scan that stage 2 sees in an epoch.
        scans: Scans in a training step of stage 1.
        batch_size: Slices in a training step of stage 2.
        learning_rate: The highest learning rate of AdamW.
        validation: Share of the training patients held out to stop early.
        patience: Epochs without a smaller error before training stops.
        cross_fits: The parts of the training patients for cross-fitting; training takes about so many times as long.
            0 or 1 trains once per fold, and heads learn around points of scans that the networks learnt from.
        anchor: A CSV file with the columns `study` and `level`: the level of the lowest disc that a study's scans show,
            for cut-off scans and transitional vertebrae. Levels below have no point. Needs `coordinates="heatmap"`. A
            run trains again when the file changes; `diagnose` and `predict` take a file of their own studies.
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
    joins_sequences: ClassVar[bool] = True

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
    least_steps: int = 240
    pictures: int = 4
    scans: int = 4
    batch_size: int = 8
    learning_rate: float = 8e-3
    validation: float = 0.15
    patience: int = 6
    cross_fits: int = 3
    anchor: str = ""
    size: tuple[float, float] = (60.0, 60.0)
    slices: int = 5
    mirror: bool = False

    def __post_init__(self) -> None:
        for name, values in (("instance", ("slices", "regression")), ("coordinates", ("heatmap", "regression"))):
            if getattr(self, name) not in values:
                raise ValueError(f"{name} '{getattr(self, name)}' is none of {', '.join(values)}")
        for name in ("slice_pixels", "pixels"):
            if getattr(self, name) < 32 or getattr(self, name) % 16:
                raise ValueError(f"{name} ({getattr(self, name)}) must be a multiple of 16, and 32 or more: use 128")
        if self.slice_pixels > self.pixels:
            raise ValueError(f"slice_pixels ({self.slice_pixels}) must not exceed pixels ({self.pixels})")
        if len(self.volume) != 3 or min(self.volume) < 1:
            raise ValueError(f"volume {self.volume} must be three sides (D, H, W) of 1 or more")
        if self.depth not in DEPTHS:
            raise ValueError(f"depth ({self.depth}) is none of {', '.join(map(str, DEPTHS))}")
        for name in ("cross_fits", "least_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} ({getattr(self, name)}) must be 0 or more")
        if self.anchor and self.coordinates != "heatmap":
            raise ValueError(f"anchor ({self.anchor}) needs heat maps: use coordinates=heatmap")
        check_training(self, ("epochs", "pictures", "scans", "batch_size", "patience"))

    def trained(self) -> Predicted:
        """See `Region.trained`."""
        plain = Predicted()
        return replace(self, size=plain.size, slices=plain.slices, mirror=plain.mirror)

    def fit(self, studies: Sequence[Study], *, seed: int, device: str) -> FittedPredicted:
        """Trains on the studies that have annotated points; each scan is read once and kept as small squares (float16).

        Raises:
            ValueError: timm has no such network, no study has a usable point, or an anchor is unknown.
            WeightsError: The weights don't fit.
        """
        finders: dict[str, Finder] = {}
        curves: list[dict[str, Any]] = []
        found = marks_by_sequence(studies)
        anchors = self._anchors([mark for marks in found.values() for mark in marks]) if found else {}
        for sequence, marks in found.items():
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
            finder = replace(finder, chains=chains_of(marks, places))
            finders[sequence] = finder
            seen = [stack for stack in stacks if (stack.slices >= 0).any()]
            held = held_out(np.asarray([stack.patient for stack in seen], dtype=np.str_), self.validation, seed)
            train, inner = ([s for s, out in zip(seen, held, strict=True) if out == which] for which in (False, True))
            schedule = Schedule(
                epochs=self.epochs,
                least_steps=self.least_steps,
                learning_rate=self.learning_rate,
                patience=self.patience,
            )
            tell_progress("sequence", len(finders) - 1, len(found))
            for name in STAGES:
                tell_progress("network", 0 if name == STAGES[0] else 1, len(STAGES))
                curve = schedule.run(getattr(finder, name), train, inner, seed=seed, device=device)
                curves += [{"sequence": sequence, "stage": name, **line} for line in curve]
        if not finders:
            raise ValueError(f"none of {len(studies)} training studies has an annotated point that its scans show")
        return FittedPredicted(self._box(), finders, curves, anchors)

    def load(self, folder: Path, *, device: str) -> FittedPredicted:
        """Reads what `FittedPredicted.save` wrote."""
        from safetensors.torch import load_file

        kept = json.loads((folder / POINTS).read_text())
        finders = {}
        for i, one in enumerate(kept["sequences"]):
            marks = [tuple((str(k), str(v)) for k, v in mark) for mark in one["marks"]]
            mean, centre = (np.asarray(one[name], dtype=np.float64) for name in ("mean", "centre"))
            bare = Predicted(**{**asdict(self), "encoder_weights": "", "instance_weights": ""})
            finder = bare._finder(marks, Baselines(mean, centre), seed=0, device=device)
            finder = replace(finder, chains=[LevelChain.of(chain) for chain in one["chains"]])
            for name in STAGES:
                network: nn.Module = getattr(finder, name).network
                network.load_state_dict(load_file(folder / f"{name}_{i}.safetensors", device=device))
                network.eval()
            finders[one["sequence"]] = finder
        anchors = self._anchors([mark for finder in finders.values() for mark in finder.marks])
        return FittedPredicted(self._box(), finders, kept["curve"], anchors)

    @property
    def anchored(self) -> dict[str, str]:
        """The lowest level of each study that the file `anchor` names.

        Raises:
            AnchorError: The file can't be used.
        """
        return read_anchors(self.anchor)

    def _anchors(self, marks: Sequence[PointKind]) -> dict[str, str]:
        anchors = self.anchored
        check_levels(self.anchor, anchors, {dict(mark).get(LEVEL, "") for mark in marks})
        return anchors

    def weights_digest(self) -> str:
        """The sha256 of each file of weights, and of the anchors; empty if none is given.

        Raises:
            WeightsError: There is no such file.
            AnchorError: The file of anchors can't be used.
        """
        paths = filter(None, (self.instance_weights, self.encoder_weights))
        digests = [file_digest(path, instead="'' for random weights") for path in paths]
        anchors = json.dumps(self.anchored, sort_keys=True) if self.anchor else ""
        return " ".join(digests + [hashlib.sha256(anchors.encode()).hexdigest()] * bool(anchors))

    def _box(self) -> Point:
        return Point(size=self.size, slices=self.slices, mirror=self.mirror)

    def _finder(self, marks: Sequence[Any], baselines: Baselines, *, seed: int, device: str) -> Finder:
        name, weights, count = self.encoder, self.encoder_weights, len(marks)
        instance: SliceStage | VolumeStage
        if self.instance == "slices":
            size = self.slice_pixels
            with seeded(seed):
                network = slice_network(name, weights, size=size, marks=count)
            instance = SliceStage(network.to(device), size, self.scans, device)
        else:
            with seeded(seed):
                network = volume_network(self.depth, self.instance_weights, marks=count)
            instance = VolumeStage(network.to(device), self.volume, self.scans, device)
        heatmaps = self.coordinates == "heatmap"
        build = heatmap_network if heatmaps else point_network
        with seeded(seed):
            pointing = build(name, weights, size=self.pixels, marks=count)
        coordinates = PointStage(pointing.to(device), heatmaps, self.pictures, self.batch_size, device)
        return Finder(marks, instance, coordinates, self.pixels, baselines, device)

    def describe(self) -> Description:
        """The description, with the papers of the chosen stages."""
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
