"""The rules of every dataset; all but the first need a dataset with fields that name its files."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from data.base import DataError, Dataset, Image


def names_the_fields_to_set(plugin: Dataset) -> None:
    """Without fields it has data or raises a DataError of one line; its lists of fields name some of its fields."""
    unset = type(plugin)()
    fields = {field.name for field in dataclasses.fields(unset)}  # type: ignore[arg-type]
    unknown = {*plugin.reading_fields, *plugin.column_fields} - fields
    assert not unknown, f"reading_fields or column_fields name {', '.join(sorted(unknown))}, which is no field"
    try:
        unset.samples()
    except DataError as error:
        assert str(error) and "\n" not in str(error), f"the message must be one line, it is {error!r}"


def samples_have_an_id_a_patient_and_a_study(plugin: Dataset) -> None:
    """The index `sample` is unique text, `patient` and `study` are text without gaps, and a study has one patient."""
    samples = plugin.samples()
    assert len(samples), "there is no sample"
    assert samples.index.name == "sample", f"the index must be called sample, not {samples.index.name}"
    assert samples.index.is_unique, f"'{samples.index[samples.index.duplicated()][0]}' occurs twice"
    for values in (samples.index, samples["patient"], samples["study"]):
        assert all(isinstance(v, str) and v for v in values), f"{values.name} must be text and never missing"
    patients = samples.drop_duplicates(["study", "patient"])
    shared = patients.loc[patients.duplicated("study"), "study"].tolist()
    assert not shared, f"study {shared[0]} belongs to two patients"


def names_existing_columns(plugin: Dataset) -> None:
    """`locations`, `clinical` and the targets name existing columns; locations are text without gaps."""
    samples = plugin.samples()
    named = [*plugin.locations, *plugin.clinical, *(target.column for target in plugin.targets())]
    missing = [name for name in named if name not in samples.columns]
    assert not missing, f"samples() lacks {', '.join(missing)}"
    assert set(plugin.within) <= set(plugin.locations), "`within` may only name columns of `locations`"
    for name in plugin.locations:
        assert all(isinstance(v, str) and v for v in samples[name]), f"{name} must be text and never missing"


def labels_are_classes_of_their_target(plugin: Dataset) -> None:
    """Targets have different names and at least one class; a label is one of the classes, or missing."""
    samples, targets = plugin.samples(), plugin.targets()
    names = [target.name for target in targets]
    assert targets and len(set(names)) == len(names), f"targets must have different names, they are {names}"
    for target in targets:
        assert len(set(target.classes)) == len(target.classes) > 0, f"{target.name}: classes {target.classes}"
        chosen = samples
        for column, value in target.rows.items():
            chosen = chosen[chosen[column] == value]
        unknown = set(chosen[target.column].dropna()).difference(target.classes)
        assert not unknown, f"{target.name}: {unknown} are not among its classes {target.classes}"


def splits_are_train_val_or_test(plugin: Dataset) -> None:
    """An official split has these names and is by patient."""
    samples = plugin.samples()
    if "split" in samples:
        known = samples.dropna(subset=["split"])
        unknown = set(known["split"]).difference(("train", "val", "test"))
        assert not unknown, f"split {unknown} is not train, val or test"
        pairs = known.drop_duplicates(["patient", "split"])
        both = pairs.loc[pairs.duplicated("patient"), "patient"].tolist()
        assert not both, f"patient {both[0]} is on two sides of the official split"


def gives_the_same_samples_twice(plugin: Dataset) -> None:
    """Two calls give equal tables, and a change of one leaves the other as it is."""
    samples = plugin.samples()
    expected = samples.copy()
    samples["patient"] = "changed"
    assert plugin.samples().equals(expected), "samples() changed between two calls"


def gives_a_reason_for_every_exclusion(plugin: Dataset) -> None:
    """`excluded()` has a file and a reason in every row."""
    excluded = plugin.excluded()
    assert list(excluded.columns) == ["file", "sample", "sequence", "reason"], f"columns are {list(excluded.columns)}"
    for name in ("file", "reason"):
        assert all(isinstance(v, str) and v for v in excluded[name]), f"every exclusion must have a {name}"


def loads_finite_float32_images_with_a_place(plugin: Dataset) -> None:
    """Pixels are contiguous float32 `(D, H, W)`, the affine can be inverted, a mask is int16 of the same shape."""
    for image in _images(plugin):
        assert image.pixels.ndim == 3 and image.pixels.dtype == np.float32, f"{image.pixels.ndim}D {image.pixels.dtype}"
        assert image.pixels.flags.c_contiguous, "pixels must be contiguous"
        assert np.isfinite(image.pixels).all(), "a pixel is not finite"
        assert image.affine.shape == (4, 4) and image.affine.dtype == np.float64, "the affine must be (4, 4) float64"
        assert abs(np.linalg.det(image.affine)) > 0, "the affine can't be inverted"
        if image.mask is not None:
            assert image.mask.dtype == np.int16, f"the mask is {image.mask.dtype}, not int16"
            assert image.mask.shape == image.pixels.shape, f"mask {image.mask.shape}, pixels {image.pixels.shape}"
        if image.planes is not None:
            assert image.planes.shape == (len(image.pixels), 4, 4), f"planes of shape {image.planes.shape}"
            assert (np.abs(np.linalg.det(image.planes)) > 0).all(), "a plane can't be inverted"
        assert all(": " in fault for fault in image.faults), f"a fault must be `file: reason`, not {image.faults}"


def has_an_image_for_every_study(plugin: Dataset) -> None:
    """A study has at least one of the sequences; an unknown sequence is None."""
    for study in _studies(plugin):
        assert any(plugin.load(study, sequence) is not None for sequence in plugin.sequences), f"{study} has no image"
        assert plugin.load(study, "no such sequence") is None, "an unknown sequence must give None"


def loads_the_same_again_and_in_threads(plugin: Dataset) -> None:
    """Changes to an image don't reach the next load, and threads don't disturb each other."""
    study = _studies(plugin)[0]
    sequence = next(s for s in plugin.sequences if plugin.load(study, s) is not None)
    first: Any = plugin.load(study, sequence)
    expected = first.pixels.copy()
    first.pixels[:] = 0
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(lambda _: plugin.load(study, sequence), range(8)):
            assert again is not None and np.array_equal(again.pixels, expected), "an image changed between two loads"


def digests_the_files_that_it_reads(plugin: Dataset) -> None:
    """`files` exist, and the digest of a study changes with the bytes of any of them."""
    for study in _studies(plugin):
        files = plugin.files(study)
        assert all(path.is_file() for path in files), f"{study}: not all of {files} exist"
        digest = plugin.digest(study, lambda path: path.name)
        for changed in files:
            other = plugin.digest(study, lambda path, changed=changed: "!" if path == changed else path.name)  # type: ignore[misc]
            assert other != digest, f"{study}: the digest ignores {changed}"


def gives_points_a_place_or_a_fault(plugin: Dataset) -> None:
    """A sample has at most one point: it has a sequence and finite x, y and z, or it has a fault and NaN."""
    samples = plugin.samples()
    for study in _studies(plugin):
        points = plugin.points(study)
        missing = {"sequence", "x", "y", "z", "fault"}.difference(points.columns)
        assert not missing, f"points() lacks {', '.join(sorted(missing))}"
        assert points.index.is_unique, f"'{points.index[points.index.duplicated()][0]}' has two points"
        strange = set(points.index).difference(samples.index[samples["study"] == study])
        assert not strange, f"{min(strange)} is not a sample of study {study}"
        is_placed = (points["fault"] == "").to_numpy()
        finite = np.isfinite(points[["x", "y", "z"]].to_numpy(dtype=float))
        assert finite[is_placed].all(), "a point without a fault is not finite"
        assert not finite[~is_placed].any(), "a point with a fault has a place"
        assert all(points.loc[is_placed, "sequence"]), f"{study}: a point was marked in no sequence"


def _studies(plugin: Dataset) -> list[str]:
    return plugin.samples()["study"].drop_duplicates().head(3).tolist()


def _images(plugin: Dataset) -> list[Image]:
    loaded = [plugin.load(study, sequence) for study in _studies(plugin) for sequence in plugin.sequences]
    return [image for image in loaded if image is not None]
