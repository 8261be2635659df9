"""Names of files in any encoding: bytes that are no UTF-8, the two forms of a letter, folders of an old server."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.base import DataError
from data.dicom_study import DicomStudy
from data.files.on_disk import decoded
from data.image_table import ImageTable
from data.medmnist import MedMnist
from data.oai import Oai
from data.phantom import write_phantom
from data.rsna import Rsna
from data.spider import Spider
from tests.data.reading import written

LATIN = os.fsdecode("Müller".encode("latin-1"))  # the name as Linux gives it, with a byte that is no UTF-8
NFC, NFD = "Mu\u0308ller".replace("u\u0308", "ü"), "Mu\u0308ller"


def folder(tmp_path):
    """A folder with such a name."""
    try:
        (tmp_path / LATIN).mkdir()
    except OSError:
        pytest.skip("this disk takes UTF-8 alone")
    return tmp_path / LATIN


def picture(seed):
    return written.png(np.random.default_rng(seed).integers(0, 255, (6, 8)).astype(np.uint8))


def walk(dataset):
    """Everything that a run asks of a dataset; returns the number of images, and the rows of `excluded.csv`."""
    samples, images = dataset.samples(), 0
    samples.to_parquet(os.devnull)
    for study in dict.fromkeys(samples["study"]):
        assert len(dataset.digest(study, lambda path: str(path.stat().st_size))) == 64
        assert dataset.files(study) and not dataset.absent(study)
        dataset.points(study)
        for sequence in dataset.sequences:
            image = dataset.load(study, sequence)
            images += image is not None
    return images, dataset.excluded().to_csv()


def test_spider(phantom, tmp_path):
    root = folder(tmp_path)
    for kind in ("images", "masks"):
        (root / kind).mkdir()
        shutil.copy(phantom / kind / "1_t2.mha", root / kind / "1_t2.mha")
        shutil.copy(phantom / kind / "2_t2.mha", root / kind / f"{LATIN}_t2.mha")
    rows = (phantom / "radiological_gradings.csv").read_text().splitlines()
    mine = [line.replace("2,", f"{NFD},", 1) if line.startswith("2,") else line for line in rows]
    (root / "radiological_gradings.csv").write_text("\n".join(mine))
    dataset = Spider(folder=str(root), sequences=("t2",))
    images, _ = walk(dataset)
    assert images == 2 and set(dataset.samples()["patient"]) == {"1", NFC}
    plain = Spider(folder=str(phantom), sequences=("t2",)).load("2", "t2")
    np.testing.assert_array_equal(dataset.load(NFC, "t2").mask, plain.mask)
    shutil.copy(phantom / "images" / "3_t2.mha", root / "images" / f"{NFD}_t2.mha")
    with pytest.raises(DataError, match="but for its spelling: keep one of them"):
        Spider(folder=str(root), sequences=("t2",)).samples()


def test_rsna_and_dicom_studies(rsna_phantom, tmp_path):
    root = shutil.copytree(rsna_phantom, folder(tmp_path) / "rsna")
    study = next((root / "train_images").iterdir())
    for series in study.iterdir():
        (series / f"{LATIN}.dcm").write_bytes(b"no image")
    images, excluded = walk(Rsna(folder=str(root)))
    assert images == 12 and "\udcfc" not in excluded
    image = Rsna(folder=str(root)).load(study.name, "sagittal_t2")
    assert sum("M\\xfcller.dcm: " in fault for fault in image.faults) == 1
    for keep in (True, False):
        images, excluded = walk(DicomStudy(folders=str(study), keep_names=keep))
        assert images == 3 and ("M\\xfcller.dcm" in excluded) == keep


def test_oai(oai_phantom, tmp_path):
    root = shutil.copytree(oai_phantom, folder(tmp_path) / "oai")
    series = next(path.parent for path in sorted(root.rglob("*")) if path.is_file() and path.name.isdigit())
    shutil.copytree(series, root / LATIN / "SAG_3D_DESS_LEFT")
    images, excluded = walk(Oai(folder=str(root)))
    assert images > 3 and "M\\xfcller/SAG_3D_DESS_LEFT,,dess,is not below a participant's folder" in excluded


def test_medmnist(tmp_path):
    labels = {f"{split}_labels": np.arange(3)[:, None] % 2 for split in ("train", "val", "test")}
    images = {f"{split}_images": np.arange(108, dtype=np.uint8).reshape(3, 6, 6) for split in ("train", "val", "test")}
    np.savez(folder(tmp_path) / "m.npz", **labels, **images)
    assert walk(MedMnist(file=str(tmp_path / LATIN / "m.npz")))[0] == 9


def test_a_table_of_images_and_folders(rsna_phantom, tmp_path):
    """The folder of the table and the files of a series are no UTF-8; the table names pictures in either form."""
    root = folder(tmp_path)
    series = next(path for path in sorted(rsna_phantom.rglob("*")) if path.is_dir() and list(path.glob("*.dcm")))
    (root / "series").mkdir()
    for path in series.iterdir():
        shutil.copy(path, root / "series" / f"{LATIN}{path.name}")
    (root / "series" / f"{LATIN}.txt").write_bytes(b"\0" * 128 + b"DICM broken")
    inside = root / LATIN
    inside.mkdir()
    for seed, name in enumerate((f"{LATIN}.png", f"{NFD}2.png", f"{NFC}3.png")):
        (inside / name).write_bytes(picture(seed))
    named = ["series", f"{NFC}/{NFC}.png", f"{NFD}/{NFC}2.png", f"{NFC}/{NFD}3.png"]
    rows = pd.DataFrame({"image": named, "patient": list("abcd"), "y": [0, 1, 0, 1]})
    rows.to_csv(root / "scans.csv", index=False)
    dataset = ImageTable(table=str(root / "scans.csv"), labels=("y",))
    assert walk(dataset)[0] == 4
    for seed, study in enumerate("bcd"):
        alone = ImageTable(table=str(root / "scans.csv")).load(study, "image").pixels
        np.testing.assert_array_equal(alone[0], np.random.default_rng(seed).integers(0, 255, (6, 8)))
    assert any("M\\xfcller.txt: " in fault for fault in dataset.load("a", "image").faults)
    (inside / f"{NFC}2.png").write_bytes(picture(7))  # now two files differ in their form alone: the exact one counts
    again = ImageTable(table=str(root / "scans.csv"))
    np.testing.assert_array_equal(again.load("c", "image").pixels[0], np.random.default_rng(7).integers(0, 255, (6, 8)))
    rows.assign(image=[f"{NFC}9.png", *named[1:]]).to_csv(root / "scans.csv", index=False)
    assert ImageTable(table=str(root / "scans.csv")).absent("a") == [Path(root / f"{NFC}9.png")]


def test_a_name_is_text_in_the_composed_form():
    assert decoded(LATIN) == decoded(NFD) == decoded(NFC) == NFC
    assert decoded(os.fsdecode(b"\x8bx\x81")) == "\u2039x\ufffd"


def test_a_phantom_is_not_written_where_its_writer_would_end_the_process(tmp_path):
    with pytest.raises(DataError, match="is no UTF-8, and volumes can't be written to such a name: choose another"):
        write_phantom(folder(tmp_path) / "spider", patients=1)
