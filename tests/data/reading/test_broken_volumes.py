"""Files that are truncated, empty or no image are named in one line."""

import gzip

import cv2
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_array_equal
from scipy.spatial.transform import Rotation

from data.base import DataError
from data.reading import volumes
from tests.data.reading.scans import itk_volume, write_dicom


@pytest.fixture
def rng():
    return np.random.default_rng(0)


TRUNCATED = ["mha", "packed.mha", "mhd", "packed.mhd", "nii", "nii.gz", "png", "jpg", "tif", "dcm"]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.98])
@pytest.mark.parametrize("end", TRUNCATED)
def test_a_truncated_file_is_named(tmp_path, rng, capfd, end, kept):
    path = tmp_path / f"scan.{end}"
    if end == "dcm":
        write_dicom(path, rng.integers(0, 4096, (64, 64)).astype(np.uint16))
    elif end in ("png", "jpg", "tif"):
        cv2.imwrite(str(path), rng.integers(0, 256, (64, 64)).astype(np.uint8))
    else:
        sitk.WriteImage(itk_volume(rng, (20, 30, 40)), str(path), useCompression="packed" in end)
    volumes.read(path)
    cut = {"mhd": "scan.raw", "packed.mhd": "scan.packed.zraw"}.get(end, path.name)
    cut_path = tmp_path / cut
    content = cut_path.read_bytes()
    cut_path.write_bytes(content[: int(len(content) * kept)])
    capfd.readouterr()
    with pytest.raises(DataError) as error:
        volumes.read(path)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
    assert "0x" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_a_zip_of_several_members_is_not_truncated(tmp_path, rng):
    scan = itk_volume(rng)
    sitk.WriteImage(scan, str(tmp_path / "a.nii"))
    content = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:]))
    assert_array_equal(volumes.read(tmp_path / "b.nii.gz").pixels, sitk.GetArrayFromImage(scan))


def test_what_is_no_image_is_named(tmp_path, rng):
    with pytest.raises(DataError, match=r"none\.mha: no such file"):
        volumes.read(tmp_path / "none.mha")
    with pytest.raises(DataError, match="is a folder"):
        volumes.read(tmp_path)
    (tmp_path / "words.mha").write_text("not an image")
    with pytest.raises(DataError, match=r"words\.mha"):
        volumes.read(tmp_path / "words.mha")
    (tmp_path / "odd.mha").write_text("NDims = 3\nDimSize = 1 x 3\nElementDataFile = LOCAL\n")
    with pytest.raises(DataError, match=r"odd\.mha: its header can't be read"):
        volumes.read(tmp_path / "odd.mha")
    sitk.WriteImage(itk_volume(rng), str(tmp_path / "scan.mhd"))
    (tmp_path / "scan.raw").unlink()
    with pytest.raises(DataError, match=r"scan\.mhd: its pixels are in .*scan\.raw: no such file"):
        volumes.read(tmp_path / "scan.mhd")
    with pytest.raises(ValueError, match="orientation 'up' is none of sagittal, axial, coronal"):
        sitk.WriteImage(itk_volume(rng), str(tmp_path / "scan.mha"))
        volumes.read(tmp_path / "scan.mha", orientation="up")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_are_counted(tmp_path, rng, value):
    pixels = rng.normal(size=(3, 4, 5)).astype(np.float32)
    pixels[1, 2, 3:] = value
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "scan.mha"))
    with pytest.raises(DataError, match=r"scan\.mha: 2 of 60 pixels are not finite"):
        volumes.read(tmp_path / "scan.mha")


def test_a_constant_image_shows_nothing(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((3, 4, 5), 7, np.int16)), str(tmp_path / "scan.mha"))
    with pytest.raises(DataError, match=r"scan\.mha: is empty: all pixels are 7"):
        volumes.read(tmp_path / "scan.mha")


def test_a_mask_must_fit_its_image(tmp_path, rng):
    scan = itk_volume(rng)
    sitk.WriteImage(scan, str(tmp_path / "scan.mha"))
    label = sitk.Cast(scan > 0, sitk.sitkUInt8)
    moved = sitk.Image(label)
    moved.SetOrigin((11.0, -22.0, 63.0))
    for mask, reason in [
        (label[1:], r"shape \(6, 5, 6\) is not that of its image, \(6, 5, 7\)"),
        (label * 0, "the mask is empty"),
        (moved, "lies up to 30.0 mm from its image"),
        (sitk.Cast(label, sitk.sitkFloat32) * 1.5, "whole numbers"),
        (sitk.Cast(label, sitk.sitkInt32) * 70000, "whole numbers"),
    ]:
        sitk.WriteImage(mask, str(tmp_path / "mask.mha"))
        with pytest.raises(DataError, match=rf"mask\.mha: .*{reason}"):
            volumes.read(tmp_path / "scan.mha", mask=tmp_path / "mask.mha", orientation="coronal")
    with pytest.raises(DataError, match=r"gone\.mha: no such file"):
        volumes.read(tmp_path / "scan.mha", mask=tmp_path / "gone.mha")
    sitk.WriteImage(sitk.Cast(label, sitk.sitkFloat32) * 201, str(tmp_path / "mask.mha"))
    image = volumes.read(tmp_path / "scan.mha", mask=tmp_path / "mask.mha")
    assert set(np.unique(image.mask)) == {0, 201}


def test_nothing_is_printed(tmp_path, rng, capfd):
    scan = itk_volume(rng, direction=Rotation.from_euler("x", 33, degrees=True).as_matrix())
    for end in ("mha", "nii.gz"):
        sitk.WriteImage(scan, str(tmp_path / f"scan.{end}"))
        volumes.read(tmp_path / f"scan.{end}")
    write_dicom(tmp_path / "1.dcm", np.arange(12 * 16, dtype=np.uint16).reshape(12, 16))
    volumes.read(tmp_path / "1.dcm")
    assert capfd.readouterr() == ("", "")
