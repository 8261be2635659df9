"""Masks of other segmenters, read in SPIDER's labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from data.base import DataError, Image
from data.reading import label_maps, volumes
from data.spider import Spider

# As the label tables of the two projects give them: T12, L5, T12/L1, L5/S1.
THEIRS = {"totalspineseg": (32, 45, 91, 100), "spineps": (19, 24, 119, 124)}


@pytest.mark.parametrize("segmenter", THEIRS)
def test_published_labels_become_those_of_the_same_structure(segmenter):
    mask = np.array([[[0, *THEIRS[segmenter], 250]]], dtype=np.int16)
    image = Image(np.zeros(mask.shape, np.float32), np.eye(4), mask)
    assert label_maps.apply(image, segmenter).mask.tolist() == [[[0, 6, 1, 206, 201, 0]]]


def translate(phantom, folder, labels):
    """Writes the phantom's masks in the labels of another segmenter, as .nii.gz."""
    for path in Path(phantom, "masks").glob("*_t2.mha"):
        mask = volumes.read(path)
        theirs = np.zeros_like(mask.pixels)
        for spider, label in labels.items():
            theirs[mask.pixels == spider] = label
        volumes.write(folder / f"{path.stem}.nii.gz", replace(mask, pixels=theirs))


def test_a_folder_of_masks_is_read_instead_of_spiders(phantom, tmp_path):
    discs = {201: 100, 202: 95, 203: 94, 204: 93, 205: 92, 206: 91, 207: 82, 208: 81}
    vertebrae = {1: 45, 2: 44, 3: 43, 4: 42, 5: 41, 6: 32, 7: 31, 8: 30, 9: 29}
    translate(phantom, tmp_path, {**discs, **vertebrae, 100: 2})
    given = Spider(folder=str(phantom), sequences=("t2",))
    imported = Spider(folder=str(phantom), sequences=("t2",), masks=str(tmp_path), mask_labels="totalspineseg")
    assert_array_equal(imported.load("3", "t2").mask, given.load("3", "t2").mask)
    assert label_maps.path("totalspineseg") in imported.files("3")
    assert imported.digest("3", lambda path: path.name) != given.digest("3", lambda path: path.name)


def test_what_is_missing_or_wrong_is_named(phantom, tmp_path):
    def load(**fields):
        return Spider(folder=str(phantom), sequences=("t2",), **fields).load("3", "t2")

    with pytest.raises(DataError, match="is not a folder"):
        load(masks=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"3_t2\.mha"):
        load(masks=str(tmp_path))
    with pytest.raises(DataError, match="relabel SPIDER's own masks: set `masks`"):
        load(mask_labels="totalspineseg")
    other = str(Path(phantom, "masks"))
    with pytest.raises(DataError, match=r"did you mean 'spineps'\? There is spineps, totalspineseg"):
        Spider(folder=str(phantom), masks=other, mask_labels="spinep").samples()
    with pytest.raises(DataError, match="no map of labels 'nnunet': There is spineps"):
        load(masks=other, mask_labels="nnunet")
    (tmp_path / "map.csv").write_text("label,spider\n1,disc\n")
    with pytest.raises(DataError, match="whole numbers"):
        load(masks=other, mask_labels=str(tmp_path / "map.csv"))
    (tmp_path / "other.csv").write_text("label,spider\n77,201\n")
    with pytest.raises(DataError, match="none of the mask's labels"):
        load(masks=other, mask_labels=str(tmp_path / "other.csv"))
