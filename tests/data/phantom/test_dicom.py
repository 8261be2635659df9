"""A slice of the phantom is a DICOM file like RSNA's."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal

from data.phantom.dicom import write_slice
from tests.data.phantom.planes import plane


@pytest.mark.parametrize("shape", [(30, 20), (9, 127), (8, 128), (7, 129), (40, 300)])
@pytest.mark.parametrize("kind", ["noise", "flat", "steps"])
def test_pixels_survive_run_length_encoding_exactly(tmp_path, shape, kind):
    rng = np.random.default_rng(0)
    pixels = {
        "noise": rng.integers(0, 4096, shape),
        "flat": np.full(shape, 4095),
        "steps": np.arange(np.prod(shape)).reshape(shape) // 50 % 4096,
    }[kind].astype(np.uint16)
    write_slice(tmp_path / "1.dcm", pixels, np.eye(4), study=100206310, series=1, instance=1, description="T2")
    assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "1.dcm")))[0], pixels)
    assert_array_equal(pydicom.dcmread(tmp_path / "1.dcm").pixel_array, pixels)


def test_a_slice_has_the_peculiarities_of_the_real_files(tmp_path):
    path = tmp_path / "7.dcm"
    where = np.array([[1, 0, 0, -70.5], [0, 0.1, 0.49, 20.25], [0, -0.49, 0.1, 3.125], [0, 0, 0, 1]])
    write_slice(path, np.zeros((40, 60), np.uint16), where, study=100206310, series=2, instance=7, description="T2")
    file = pydicom.dcmread(path)
    assert file.file_meta.MediaStorageSOPClassUID.name == "Enhanced MR Image Storage"
    assert file.file_meta.TransferSyntaxUID.name == "RLE Lossless"
    assert "SOPClassUID" not in file and "PatientName" not in file and "NumberOfFrames" not in file
    assert "SliceThickness" not in file and "SpacingBetweenSlices" not in file
    assert (file.BitsAllocated, file.BitsStored, file.PixelRepresentation) == (16, 12, 0)
    assert (file.SOPInstanceUID, file.InstanceNumber) == ("100206310.2.7", 7)
    assert_allclose(plane(file)[:, 1:], where[:, 1:], atol=1e-9)
    image = sitk.ReadImage(str(path))
    assert image.GetSpacing() == (1, 1, 1) and image.GetOrigin() == (0, 0, 0)
    assert_allclose(np.array(image.GetMetaData("0020|0032").split("\\"), float), where[:3, 3])


def test_more_than_12_bits_are_refused(tmp_path):
    with pytest.raises(ValueError, match="4096"):
        write_slice(
            tmp_path / "1.dcm",
            np.full((2, 2), 4096, np.uint16),
            np.eye(4),
            study=1,
            series=1,
            instance=1,
            description="",
        )
