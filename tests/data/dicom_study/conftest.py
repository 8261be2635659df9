"""Copies of a phantom's studies."""

import shutil

import numpy as np
import pydicom
import pytest

from tests.data.dicom_study.studies import SEQUENCES


@pytest.fixture(scope="session")
def studies(rsna_phantom):
    return sorted((rsna_phantom / "train_images").iterdir())


@pytest.fixture
def study(studies, tmp_path):
    """A copy under a folder named after the patient; its series are called by their sequence."""
    folder = tmp_path / "DOE^JANE 4711"
    for header in sorted(studies[0].iterdir()):
        file = pydicom.dcmread(header / "1.dcm", stop_before_pixels=True)
        plane = "axial" if abs(np.cross(*np.reshape(file.ImageOrientationPatient, (2, 3)))[2]) > 0.7 else "sagittal"
        shutil.copytree(header, folder / f"{plane}_{file.SeriesDescription.lower()}")
    assert sorted(path.name for path in folder.iterdir()) == sorted(SEQUENCES)
    return folder
