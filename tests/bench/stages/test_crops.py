"""A study's crops: each fault is named, and nothing else is lost."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bench.stages.crop_files import Crops, CropWriter
from bench.stages.crops import Fault, SharedLook, StudyCrops, cut_study
from data.base import DataError, Dataset, Image
from data.geometry.crop import crop
from data.phantom import example_discs
from data.rsna import Rsna
from preprocessing.images.base import ImageStep
from preprocessing.images.grayscale import Grayscale
from preprocessing.regions.base import FixedRegion
from preprocessing.regions.mask import Mask
from preprocessing.regions.point import Point
from preprocessing.regions.whole import Whole

SAMPLES = [{"sample": f"s{i}", "study": "s", "side": "left"} for i in range(3)]


@dataclass(frozen=True, kw_only=True)
class OneScan(Dataset):
    """A scan of 4 slices of 2 mm and 8 x 8 mm, with two points; one of them can't be used."""

    broken: Exception | None = None
    without_points: Exception | None = None

    def load(self, study, sequence):
        if sequence == "absent":
            return None
        if self.broken:
            raise self.broken
        pixels = np.random.default_rng(0).random((4, 8, 8), dtype=np.float32)
        return Image(pixels, np.diag([2.0, 1, 1, 1]), faults=("9.dcm: truncated: short", "odd"))

    def points(self, study):
        if self.without_points:
            raise self.without_points
        rows = {"s0": ("t1", 3.0, 4.0, 4.0, ""), "s1": ("t1", np.nan, np.nan, np.nan, "5.dcm: no such file")}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["sequence", "x", "y", "z", "fault"])
        return table.rename_axis("sample")


@dataclass(frozen=True, kw_only=True)
class Wrong(ImageStep, FixedRegion):
    """Fails as an image step and as a region."""

    def __call__(self, image):
        raise IndexError("too\nfar")

    def locate(self, image, sample):
        return {}["key"]


OF_SCAN = [Fault(-1, "9.dcm", "truncated: short"), Fault(-1, "", "odd")]


def test_samples_of_one_box_share_a_crop_and_faults_of_the_scan_come_once():
    crops = cut_study(OneScan(), "s", "t1", SAMPLES, {"w": (Whole(), ())})["w"]
    assert crops.entry == [0, 0, 0] and len(crops.images) == 1
    assert crops.faults == OF_SCAN


def test_an_absent_sequence_is_no_fault():
    crops = cut_study(OneScan(), "s", "absent", SAMPLES, {"w": (Whole(), ())})["w"]
    assert crops.entry == [-1, -1, -1] and crops.faults == []


def test_a_region_that_uses_points_gets_them_and_names_why_one_is_missing():
    calls = []

    class Counted(OneScan):
        def points(self, study):
            calls.append(study)
            return super().points(study)

    variants = {"p": (Point(size=(4.0, 4.0), slices=2), ()), "g": (Point(), (Grayscale(),)), "w": (Whole(), ())}
    found = cut_study(Counted(), "s", "t1", SAMPLES, variants)
    assert found["p"].entry == found["g"].entry == [0, -1, -1] and found["w"].entry == [0, 0, 0]
    missing = [Fault(1, "5.dcm", "no such file"), Fault(2, "", "no point is marked for the sample")]
    assert found["p"].faults == [*missing, *OF_SCAN]
    (part,) = found["p"].images
    assert part.pixels.shape == (2, 4, 4)
    assert_allclose(part.position([0.5, 1.5, 1.5]), [3, 3.5, 3.5])
    assert calls == ["s"]


def test_a_point_that_the_scan_does_not_show_is_named():
    far = OneScan().points("s").assign(x=99.0, y=4.0, z=4.0, fault="")
    region = SharedLook(Point(), "region point", lambda study: replace(study, points=far))
    crops = cut_study(OneScan(), "s", "t1", SAMPLES[:1], {"p": (region, ())})["p"]
    assert crops.faults[0] == Fault(0, "", "region point does not find the sample in the image")


def test_a_file_that_can_not_be_read_is_named():
    dataset = OneScan(broken=DataError("a/b.mha: truncated: 3 bytes"))
    crops = cut_study(dataset, "s", "t1", SAMPLES, {"w": (Whole(), ())})["w"]
    assert crops.faults == [Fault(i, "a/b.mha", "truncated: 3 bytes") for i in range(3)]
    assert not crops.trace


@pytest.mark.parametrize(
    ("dataset", "variant", "message"),
    [
        (OneScan(broken=ZeroDivisionError("no")), (Whole(), ()), "reading the scan failed: ZeroDivisionError: no"),
        (OneScan(without_points=OSError("no")), (Point(), ()), "region point failed: OSError: no"),
        (OneScan(), (Wrong(), ()), "region wrong failed: KeyError: 'key'"),
        (OneScan(), (Whole(), (Wrong(),)), "the image steps failed: IndexError: too far"),
    ],
)
def test_an_unexpected_error_is_a_fault_of_its_study_and_variant(dataset, variant, message):
    found = cut_study(dataset, "s", "t1", SAMPLES, {"wrong": variant, "right": (Whole(slices=1), ())})
    faults = found["wrong"].faults
    assert found["wrong"].entry == [-1, -1, -1] and found["wrong"].images == []
    assert faults[:3] == [Fault(i, "", message) for i in range(3)]
    assert "Traceback" in found["wrong"].trace
    if not dataset.broken:
        assert found["right"].entry == [0, 0, 0] and not found["right"].trace


def test_the_store_keeps_crops_and_faults(tmp_path):
    crops = cut_study(OneScan(), "s", "t1", SAMPLES, {"p": (Point(size=(4.0, 4.0)), ())})["p"]
    writer = CropWriter(tmp_path, 9)
    writer.add([7, 2, 4], crops)
    writer.close()
    read = Crops(tmp_path)
    assert read.rows.tolist() == [-1] * 7 + [0, -1]
    np.testing.assert_array_equal(read[0].pixels, crops.images[0].pixels)
    expected = [Fault(2, "5.dcm", "no such file"), Fault(4, "", "no point is marked for the sample"), *OF_SCAN]
    assert read.faults == expected


def test_the_store_keeps_crops_with_and_without_a_mask(tmp_path):
    images, _, _ = example_discs(3)
    boxes = [Mask(label=int(image.mask.max()), margin=20.0).locate(image, {}) for image in images]
    crops = [crop(image, box) for image, box in zip(images, boxes, strict=True)]
    crops[1] = replace(crops[1], mask=None)
    writer = CropWriter(tmp_path, 3)
    for position, one in enumerate(crops):
        writer.add([position], StudyCrops([one], [0], []))
    writer.close()
    for stored, one in zip(Crops(tmp_path), crops, strict=True):
        np.testing.assert_array_equal(stored.pixels, one.pixels)
        if one.mask is None:
            assert stored.mask is None and stored.structure is None
        else:
            np.testing.assert_array_equal(stored.mask, one.mask)
            assert (stored.mask == stored.structure).any() and stored.mask.dtype == np.int16


@pytest.mark.parametrize("sequence", ["sagittal_t1", "sagittal_t2", "axial_t2"])
def test_points_of_rsna_are_found_in_every_sequence(rsna_phantom, sequence):
    """The crop's middle is the point, to within half a voxel in the plane and one slice distance."""
    dataset = Rsna(folder=str(rsna_phantom))
    study = dataset.samples()["study"].iloc[0]
    rows = dataset.samples().query("study == @study").reset_index().to_dict("records")
    crops = cut_study(dataset, study, sequence, rows, {"p": (Point(size=(40.0, 40.0), slices=3), ())})["p"]
    points = dataset.points(study)[["x", "y", "z"]]
    assert sum(entry >= 0 for entry in crops.entry) >= 20
    for row, entry in zip(rows, crops.entry, strict=True):
        if entry >= 0:
            image = crops.images[entry]
            assert len(image.pixels) == 3
            point = points.loc[row["sample"]].to_numpy(dtype=float)
            index = image.index(point)
            assert_allclose(index[1:], (np.asarray(image.pixels.shape[1:]) - 1) / 2, atol=0.51)
