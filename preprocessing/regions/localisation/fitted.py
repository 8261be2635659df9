"""The trained region `predicted`: it finds points, and boxes around them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import Box, Image
from preprocessing.regions.base import FittedRegion, Study
from preprocessing.regions.localisation.finder import Finder, errors
from preprocessing.regions.localisation.marks import mark_of, usable_points
from preprocessing.regions.point import Point

if TYPE_CHECKING:
    import pandas as pd

POINTS = "points.json"
STAGES = ("instance", "coordinates")


class FittedPredicted(FittedRegion):
    """Trained networks that find the points of samples.

    Args:
        box: The region `point`, which makes the box around a point.
        finders: The networks of each sequence in which points are looked for.
        curves: One row for each sequence, stage and epoch.
        anchors: The lowest level that a study shows, by study.
    """

    def __init__(
        self,
        box: Point,
        finders: Mapping[str, Finder],
        curves: Sequence[Mapping[str, Any]],
        anchors: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._box, self._finders, self._curves, self._anchors = box, finders, curves, anchors
        self._known = {mark: (q, i) for q, finder in finders.items() for i, mark in enumerate(finder.marks)}

    def look(self, study: Study) -> Study:
        """The study with the points of all samples.

        A `fault` names a missing sequence, an unknown kind of point, or a level below the lowest of the study.
        """
        import pandas as pd

        lowest = self._anchors.get(study.study, "")
        rows: dict[str, tuple[str, float, float, float, str, int]] = {}
        found: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]] | None] = {}
        for sample in study.samples:
            sequence, i = self._known.get(mark_of(sample), ("", -1))
            if sequence and sequence not in found:
                image = study.images[sequence]() if sequence in study.images else None
                found[sequence] = None if image is None else self._finders[sequence].find(image, lowest=lowest)
            slices = found.get(sequence)
            if slices is None:
                place = " ".join(value for _, value in mark_of(sample))
                fault = f"no {sequence} in this study" if sequence else f"no training point of {place}"
                rows[sample["sample"]] = (sequence, np.nan, np.nan, np.nan, fault, -1)
            else:
                x, y, z = map(float, slices[1][i])
                fault = "" if slices[0][i] >= 0 else f"it lies below {lowest}, which is named as the lowest level seen"
                rows[sample["sample"]] = (sequence, x, y, z, fault, int(slices[0][i]))
        columns = ["sequence", "x", "y", "z", "fault", "slice"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return replace(study, points=table.rename_axis("sample"))

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box around the sample's `point`, as the region `point` makes it; None if the image does not show it."""
        return self._box.locate(image, sample)

    def rate(self, given: Study, seen: Study) -> pd.DataFrame:
        """Measures how far the points lie from the annotated ones, and how far two guesses without a scan do.

        Returns:
            A table with index `sample`. The errors are `slices` (in slices of the sequence in which the point is looked
            for), `slice_mm` (along the normal of the annotated slice) and `mm` (in space). Columns with `_mean` are the
            same errors of the mean place in training patients, and columns with `_centre` those of the mean place from
            the scan's centre. A point that was not found has NaN.
        """
        import pandas as pd

        names = ("slices", "slice_mm", "mm")
        rows: dict[str, dict[str, float]] = {}
        images: dict[str, Image | None] = {}
        guesses: dict[str, dict[str, NDArray[np.float64]]] = {}
        annotated, found = usable_points(given), seen.points
        assert found is not None
        for sample in given.samples:
            name = sample["sample"]
            if name not in annotated:
                continue
            row = {f"{n}{which}": np.nan for which in ("", "_mean", "_centre") for n in names}
            sequence, i = self._known.get(mark_of(sample), ("", -1))
            if sequence and sequence not in images:
                images[sequence] = image = given.images[sequence]() if sequence in given.images else None
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
        """Writes `points.json`, and for sequence i `instance_{i}.safetensors` and `coordinates_{i}.safetensors`."""
        from safetensors.torch import save_file

        sequences = []
        for i, (sequence, finder) in enumerate(self._finders.items()):
            for name in STAGES:
                state = getattr(finder, name).network.state_dict()
                tensors = {key: tensor.cpu().contiguous() for key, tensor in state.items()}
                save_file(tensors, folder / f"{name}_{i}.safetensors")
            guesses = {"mean": finder.baselines.mean.tolist(), "centre": finder.baselines.centre.tolist()}
            chains = [chain.plain() for chain in finder.chains]
            sequences.append({"sequence": sequence, "marks": finder.marks, **guesses, "chains": chains})
        (folder / POINTS).write_text(json.dumps({"sequences": sequences, "curve": self._curves}, indent=1))

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """`learning_curve`: sequence, stage, epoch, train_loss, validation_error (slices, or mm in the slice)."""
        import pandas as pd

        columns = ["sequence", "stage", "epoch", "train_loss", "validation_error"]
        return {"learning_curve": pd.DataFrame(self._curves, columns=columns)}
