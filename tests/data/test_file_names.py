"""Datasets read files from other systems: capital endings, several volumes in a file, pictures with a false ending."""

import hashlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from data.base import DataError
from data.image_table import ImageTable
from data.medmnist import MedMnist
from data.spider import Spider
from tests.data.reading import written

PIXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_volumes_of_a_nifti_file_are_sequences_of_a_sample(tmp_path):
    several = np.stack([PIXELS, PIXELS[::-1]])
    for name in ("p1", "p2"):
        (tmp_path / f"{name}.nii.gz").write_bytes(written.nifti(several * (1 + (name == "p2")), zipped=True))
    table = tmp_path / "t.csv"
    rows = [f"{p}.nii.gz#{n},{p},b{n},{y}" for y, p in enumerate(("p1", "p2")) for n in (1, 2)]
    table.write_text("image,patient,sequence,y\n" + "\n".join([*rows, "p1.nii.gz#7,p3,b1,0"]) + "\n")
    dataset = ImageTable(table=str(table), labels=("y",))
    first, second, lacking = dataset.samples()["study"]
    assert dataset.sequences == ("b1", "b2")
    assert_array_equal(dataset.load(first, "b2").pixels, several[1])
    assert_array_equal(dataset.load(second, "b1").pixels, 2.0 * several[0])
    assert set(dataset.files(first)) == {tmp_path / "p1.nii.gz"}
    assert dataset.absent(first) == []
    assert dataset.digest(first, sha) != dataset.digest(lacking, sha)
    with pytest.raises(DataError, match=r"p1\.nii\.gz: has no volume #7: it has 2"):
        dataset.load(lacking, "b1")


def test_spider_reads_files_with_capital_endings(tmp_path):
    for folder, values in (("images", PIXELS), ("masks", (PIXELS > 30).astype(np.uint8) * 201)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1_t2.MHA").write_bytes(written.meta_image(values, packed=True))
    (tmp_path / "masks" / "1_t2.MHA").rename(tmp_path / "masks" / "1_t2.mha")
    names = (
        "Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,Disc bulging,Pfirrman grade"
    )
    (tmp_path / "radiological_gradings.csv").write_text(f"Patient,IVD label,{names}\n1,1,0,0,0,0,0,1,0,3\n")
    image = Spider(folder=str(tmp_path)).load("1", "t2")
    assert image.pixels.sum() == PIXELS.sum()
    assert (image.mask == 201).sum() == (PIXELS > 30).sum()


@pytest.mark.parametrize("changed", ["train_labels", "train_images"])
def test_medmnist_of_words_is_refused(tmp_path, changed):
    arrays = {f"{s}_{k}": np.zeros((2, 1) if k == "labels" else (2, 8, 8), np.uint8) for s in ("train", "val", "test")
              for k in ("labels", "images")}  # fmt: skip
    np.savez(tmp_path / "a.npz", **(arrays | {changed: np.array(["a", "b"])}))
    with pytest.raises(DataError, match=rf"a\.npz: {changed} are <U1"):
        dataset = MedMnist(file=str(tmp_path / "a.npz"))
        dataset.samples()
        dataset.load("train_0", "image")
