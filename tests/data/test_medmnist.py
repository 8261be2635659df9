"""MedMNIST files, 2D and 3D, made here and the real adrenal set."""

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.medmnist import MedMnist

SHARED = Path(os.environ.get("SCANGRID_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared")) / "data"


def write_npz(path, shape=(28, 28), labels=1, counts=(5, 2, 3), **changed):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
        arrays[f"{split}_labels"] = np.tile(np.arange(count)[:, None] % 2, labels).astype(np.uint8)
    arrays = {name: array for name, array in (arrays | changed).items() if array is not None}
    np.savez_compressed(path, **arrays)
    return arrays


@pytest.mark.parametrize("shape", [(28, 28), (9, 28, 28)])
def test_pictures_and_volumes(tmp_path, shape):
    arrays = write_npz(tmp_path / "a.npz", shape)
    dataset = MedMnist(file=str(tmp_path / "a.npz"))
    samples = dataset.samples()
    assert samples["split"].value_counts().to_dict() == {"train": 5, "val": 2, "test": 3}
    assert samples["label"].tolist() == [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]
    assert samples["patient"].is_unique
    assert not dataset.patients_known
    for study, expected in (("train_4", arrays["train_images"][4]), ("val_1", arrays["val_images"][1])):
        image = dataset.load(study, "image")
        assert_array_equal(image.pixels, expected.reshape(-1, 28, 28))
        assert image.spacing == (1, 1, 1)
    assert dataset.load("train_5", "image") is None
    assert dataset.load("nobody", "image") is None


def test_colours_become_luminance(tmp_path):
    arrays = write_npz(tmp_path / "rgb.npz", (28, 28, 3))
    image = MedMnist(file=str(tmp_path / "rgb.npz")).load("test_2", "image")
    expected = cv2.cvtColor(arrays["test_images"][2].astype(np.float32), cv2.COLOR_RGB2GRAY)
    assert_allclose(image.pixels, expected[None], rtol=1e-5)


def test_several_labels_are_several_targets(tmp_path):
    write_npz(tmp_path / "chest.npz", labels=14)
    targets = MedMnist(file=str(tmp_path / "chest.npz")).targets()
    assert [target.name for target in targets] == [f"label_{n}" for n in range(14)]
    assert all(target.classes == (0, 1) and not target.ordinal for target in targets)
    assert all(target.ordinal for target in MedMnist(file=str(tmp_path / "chest.npz"), ordinal=True).targets())


def test_threads_share_one_array(tmp_path):
    write_npz(tmp_path / "a.npz", (64, 64, 64), counts=(40, 1, 1))
    dataset = MedMnist(file=str(tmp_path / "a.npz"))
    dataset.samples()
    tracemalloc.start()
    with ThreadPoolExecutor(8) as pool:
        assert all(image is not None for image in pool.map(lambda n: dataset.load(f"train_{n}", "image"), range(8)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    split, images = 40 * 64**3, 8 * 4 * 64**3
    assert peak < 1.5 * split + 2 * images


def test_broken_files_are_named(tmp_path):
    with pytest.raises(DataError, match="set `file`"):
        MedMnist().samples()
    with pytest.raises(DataError, match=r"gone\.npz: no such file"):
        MedMnist(file=str(tmp_path / "gone.npz")).samples()
    write_npz(tmp_path / "part.npz", val_labels=None)
    with pytest.raises(DataError, match=r"part\.npz: no array 'val_labels'"):
        MedMnist(file=str(tmp_path / "part.npz")).samples()
    write_npz(tmp_path / "short.npz", train_labels=np.zeros((4, 1), dtype=np.uint8))
    with pytest.raises(DataError, match=r"short\.npz: 5 train_images, but 4 train_labels"):
        MedMnist(file=str(tmp_path / "short.npz")).load("train_0", "image")
    write_npz(tmp_path / "grey.npz", train_images=np.full((5, 28, 28), 9, dtype=np.uint8))
    with pytest.raises(DataError, match=r"grey\.npz: train_0: is empty: all pixels are 9"):
        MedMnist(file=str(tmp_path / "grey.npz")).load("train_0", "image")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "other"])
def test_damaged_files_are_named(tmp_path, damage):
    path = tmp_path / "a.npz"
    write_npz(path)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[1500] ^= 0xFF  # inside train_images, so that the table can be read and the checksum fails
    path.write_bytes({"truncated": content[: len(content) // 2], "flipped": content, "other": b"words"}[damage])
    with pytest.raises(DataError, match=r"a\.npz: can't be read, truncated or not an \.npz"):
        MedMnist(file=str(path)).load("train_0", "image")


def test_real_adrenals_have_the_official_split():
    path = SHARED / "medmnist-adrenal3d64" / "adrenalmnist3d_64.npz"
    if not path.is_file():
        pytest.skip(f"no real adrenal set in {SHARED}")
    dataset = MedMnist(file=str(path))
    counts = dataset.samples().groupby("split")["label"].agg(["size", "sum"])
    assert counts.loc[["train", "val", "test"]].to_numpy().tolist() == [[1188, 259], [98, 22], [298, 69]]
    assert dataset.targets()[0].classes == (0, 1)
    image = dataset.load("val_97", "image")
    assert image.pixels.shape == (64, 64, 64)
    assert set(np.unique(image.pixels)) == {0, 255}
