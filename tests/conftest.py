"""Fixtures that several tests share: phantoms on disk, and the folder of the real data."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SMALL = """
name: small
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask]
images: [grayscale, histogram_equalization]
encoders: [raw_pixels: {{size: 12}}]
balance: [none, smote]
heads: [prior, location, logistic, knn]
protocol: {{folds: 3, seed: 1}}
"""


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data beside the project; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("SCANGRID_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}")
    return folder


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """Twenty phantom patients with t1 and t2, in SPIDER's layout; read only."""
    from data.phantom import write_phantom

    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, patients=20, seed=3, effect=1.0, spacing=(5.0, 1.8), slices=7)
    return folder


@pytest.fixture(scope="session")
def rsna_phantom(tmp_path_factory):
    """Four phantom patients in RSNA's layout, DICOM files and tables; read only."""
    from data.phantom import write_rsna_phantom

    folder = tmp_path_factory.mktemp("rsna")
    write_rsna_phantom(folder, patients=4, test_patients=0, seed=5, effect=1.0, spacing=(5.0, 1.6), axial_slices=3)
    return folder


@pytest.fixture(scope="session")
def oai_phantom(tmp_path_factory):
    """Five phantom patients in OAI's layout, two knees each, DICOM files and the table of grades; read only."""
    from data.phantom import write_oai_phantom

    folder = tmp_path_factory.mktemp("oai")
    write_oai_phantom(folder, patients=5, seed=6, effect=1.0, size=(28, 70, 70))
    return folder


@pytest.fixture
def phantom_copy(phantom, tmp_path):
    """A phantom that a test may damage."""
    return shutil.copytree(phantom, tmp_path / "phantom")


@pytest.fixture
def small(phantom):
    """The text of a grid on the phantom that runs in a second."""
    return SMALL.format(folder=phantom)
