"""A table names series by their folders: hospital exports, PET beside CT, and files of any name."""

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.dicom_study import DicomStudy
from data.image_table import ImageTable
from data.reading import volumes
from data.reading.dicom import series
from preprocessing.images.window import Window
from tests.data.reading.dicoms import DOSE, HALF_LIFE, WEIGHT, ct, pet, slice_at, write

RNG = np.random.default_rng(9)
STORED = RNG.integers(0, 3000, (4, 8, 6)).astype(np.uint16)


def table(folder, rows, **fields):
    (folder / "t.csv").write_text("image,patient,sequence,y\n" + "\n".join(rows) + "\n")
    return ImageTable(table=str(folder / "t.csv"), labels=("y",), **fields)


def test_a_folder_of_files_of_any_name_is_one_image(tmp_path):
    for k in (2, 0, 3, 1):
        ct(tmp_path / "scans" / "p" / "DIR0" / f"IM{k * 7 % 5}", STORED[k], 4.0 * k)
    (tmp_path / "scans" / "p" / "README.txt").write_text("exported")
    write(tmp_path / "scans" / "p" / "report", STORED[0], Modality="SR", Rows=None, Columns=None, PixelData=None)
    plugin = table(tmp_path, ["scans/p,p,ct,0"])
    image = plugin.load("p", "ct")
    assert_array_equal(image.pixels, STORED - 1024.0)
    (fault,) = image.faults
    assert fault.startswith(str(tmp_path / "scans" / "p" / "README.txt"))
    assert len(plugin.files("p")) == 6 and plugin.absent("p") == []


def test_the_digest_follows_every_file_of_the_folder(tmp_path):
    for k in range(4):
        slice_at(tmp_path / "s" / f"{k}.dcm", STORED[k], 4.0 * k, EchoTime=(12, 100)[k % 2], AcquisitionNumber=1)
    for k in range(4):
        slice_at(tmp_path / "s" / f"{k}b.dcm", STORED[k], 4.0 * k, EchoTime=(100, 12)[k % 2], AcquisitionNumber=1)

    def of_file(path):
        return str(path.stat().st_size)

    plugin = table(tmp_path, ["s#1,p,short,0", "s#2,p,long,0", "absent,q,short,1"])
    assert_array_equal(plugin.load("p", "short").pixels, STORED)
    assert_array_equal(plugin.load("p", "long").pixels, STORED)
    before = plugin.digest("p", of_file)
    assert table(tmp_path, ["s#2,p,short,0", "s#1,p,long,0"]).digest("p", of_file) != before
    (tmp_path / "s" / "1.dcm").unlink()
    assert plugin.digest("p", of_file) != before
    assert plugin.absent("q") == [tmp_path / "absent"]


def test_pet_beside_ct_are_two_sequences_of_a_sample_in_one_place(tmp_path):
    """A bright ball lies at the same patient position in CT (HU) and, on coarser pixels, in PET (SUV)."""

    def ball(position, radius=12.0):
        return np.linalg.norm(position - np.array([10.0, 5.0, 20.0]), axis=-1) < radius

    def positions(shape, pixel, z):
        h, w = np.indices(shape)
        return np.stack([-10 + w * pixel, -20 + h * pixel, np.full(shape, z)], axis=-1)

    left = DOSE * 0.5 ** (57 * 60 / HALF_LIFE)
    activity = round(8.0 * left / (WEIGHT * 1000) / 2.5)  # stored value of SUV 8 at slope 2.5
    for k in range(14):
        hounsfield = np.where(ball(positions((50, 50), 1.0, 3.0 * k)), 300, -700)
        ct(tmp_path / "ct" / f"{k}", (hounsfield + 1024).astype(np.uint16), 3.0 * k, pixel=(1.0, 1.0))
    for k in range(10):
        bright = np.where(ball(positions((13, 13), 4.0, 4.0 * k)), activity, 0).astype(np.uint16)
        pet(tmp_path / "pet" / f"{k}", bright, 4.0 * k, pixel=(4.0, 4.0))
    plugin = table(tmp_path, ["ct,p,ct,0", "pet,p,pet,0"], suv=("pet",), orientation="axial")
    assert plugin.sequences == ("ct", "pet") and len(plugin.samples()) == 1
    scans = {name: plugin.load("p", name) for name in plugin.sequences}
    assert set(np.unique(scans["ct"].pixels)) == {-700, 300}
    assert_allclose(scans["pet"].pixels.max(), 8, rtol=1e-3)
    for name, level in (("ct", 0), ("pet", 4)):
        bright = scans[name].position(np.argwhere(scans[name].pixels > level))
        assert_allclose(bright.mean(axis=0), [10, 5, 20], atol=1.5)
    # A window of 1000 HU about 40: 300 HU is (300 - 40) / 1000 + 0.5, and air lies below it.
    shown = Window(centre=40, width=1000)(scans["ct"]).pixels
    assert_allclose(np.unique(shown), [0, 0.76])
    with pytest.raises(DataError, match="suv names 'spect', which is no sequence: it has ct"):
        table(tmp_path, ["ct,p,ct,0"], suv=("spect",)).samples()
    with pytest.raises(DataError, match="has no SUV, since its modality is not PT"):
        table(tmp_path, ["ct,p,ct,0"], suv=("ct",)).load("p", "ct")


def test_a_whole_study_is_no_image_until_a_series_is_named(tmp_path):
    for number, pixels in ((1, STORED), (2, STORED + 1)):
        for k in range(4):
            ct(
                tmp_path / "s" / str(number) / f"{k}",
                pixels[k],
                4.0 * k,
                SeriesInstanceUID=f"1.2.{number}",
                SeriesNumber=number,
            )
    with pytest.raises(DataError, match=r"holds 2 images: #1 series 1 axial \(4 slices\); #2 series 2 axial"):
        volumes.read(tmp_path / "s")
    assert_array_equal(volumes.read(f"{tmp_path / 's'}#2").pixels, STORED - 1023.0)


def test_names_of_files_in_any_encoding_are_read_and_shown(tmp_path):
    """A name in Latin-1 is no UTF-8; messages about it can be printed and written."""
    folder = tmp_path / os.fsdecode(b"Wirbels\xe4ule")
    folder.mkdir()
    for k in range(4):
        slice_at(tmp_path / f"{k}.dcm", STORED[k], 4.0 * k, SeriesDescription="AX T2")
        (tmp_path / f"{k}.dcm").rename(folder / os.fsdecode(b"Sch\xe4del_%d.dcm" % k))
    (folder / os.fsdecode(b"kaputt_\xfc.dcm")).write_bytes(b"no")
    image = series.read([folder], "axial")
    assert_array_equal(image.pixels, STORED)
    (fault,) = image.faults
    assert r"Wirbels\xe4ule/kaputt_\xfc.dcm: can't be read" in fault
    fault.encode("utf-8")
    plugin = DicomStudy(folders=str(folder), sequences=("axial_t2",), keep_names=True)
    assert plugin.excluded()["file"].tolist()[0].encode("utf-8")
    assert_array_equal(plugin.load(plugin.samples()["study"].iloc[0], "axial_t2").pixels, STORED)
    assert_array_equal(volumes.read(folder).pixels, STORED)


def test_a_pipe_in_a_folder_is_named_and_not_opened(tmp_path):
    for k in range(4):
        ct(tmp_path / "s" / f"{k}", STORED[k], 4.0 * k)
    os.mkfifo(tmp_path / "s" / "pipe")
    assert volumes.read(tmp_path / "s").faults == (f"{tmp_path / 's' / 'pipe'}: is no regular file",)
