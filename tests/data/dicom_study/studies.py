"""Helpers of the tests of `dicom_study`: they change studies and read them."""

import shutil
from dataclasses import replace

import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from data.base import DataError
from data.dicom_study import DicomStudy

SEQUENCES = ("sagittal_t1", "sagittal_t2", "axial_t2")


def change(folder, **tags):
    """Sets tags of all files below a folder; None deletes one."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            file = pydicom.dcmread(path)
            for name, value in tags.items():
                if value is not None:
                    setattr(file, name, value)
                elif name in file:
                    delattr(file, name)
            file.save_as(path)


def read(*folders, **fields):
    return DicomStudy(folders=tuple(map(str, folders)), **fields)


def message(plugin):
    with pytest.raises(DataError) as caught:
        plugin.samples()
    text = str(caught.value)
    assert "\n" not in text and "DOE" not in text and "4711" not in text
    return text


def recognised(plugin):
    """Sequence and reason of each series, by its folder, which only a plug-in that keeps names shows."""
    rows = replace(plugin, keep_names=True).recognised().itertuples()
    return {row.series: (row.sequence, row.how) for row in rows}


def assert_same(image, expected):
    assert_array_equal(image.pixels, expected.pixels)
    assert_allclose(image.affine, expected.affine)
    assert (image.planes is None) == (expected.planes is None)


def copy_of(series, name, uid, **tags):
    folder = shutil.copytree(series, series.parent / name)
    change(folder, SeriesInstanceUID=uid, **tags)


def raw(path, tag, value):
    """Writes a value that pydicom would refuse."""
    file = pydicom.dcmread(path)
    implicit = file.file_meta.TransferSyntaxUID.is_implicit_VR
    file[tag] = RawDataElement(Tag(tag), "DS", len(value), value, 0, implicit, True)
    file.save_as(path)
