"""Every dataset keeps its contract on small files of its format."""

from inspect import getmembers, isfunction

import cv2
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from bench.contracts import data as contract
from bench.plugins import find, load

CHECKS = [
    check
    for name, check in getmembers(contract, isfunction)
    if check.__module__ == contract.__name__ and name[0] != "_"
]


@pytest.fixture(scope="module")
def fields(tmp_path_factory, rsna_phantom, oai_phantom):
    """The fields with which a dataset finds data of its format."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = {"1_t1": "F ,51.0,training", "1_t2": "F,,training", "2_t2_SPACE": "M,,validation"}
    for place in ("images", "masks"):
        (folder / place).mkdir()
        for name in rows:
            array = rng.integers(0, 900, (6, 5, 4)).astype(np.int16) if place == "images" else np.full((6, 5, 4), 201)
            sitk.WriteImage(sitk.GetImageFromArray(array.astype(np.int16)), str(folder / place / f"{name}.mha"))
    (folder / "ungraded" / "images").mkdir(parents=True)
    for name in rows:
        (folder / "ungraded" / "images" / f"{name}.mha").write_bytes((folder / "images" / f"{name}.mha").read_bytes())
    (folder / "radiological_gradings.csv").write_text(
        "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,Disc herniation,Disc narrowing,"
        "Disc bulging,Pfirrman grade\n1,1,0,0,1,0,0,1,1,3\n1,2,3,0,0,0,,0,1,2\n"
        "2,1,0,0,0,1,1,0,0,5\n3,1,0,0,0,0,0,0,0,1\n"
    )
    overview = [f"{name},{row},3.0,Maker,Model" for name, row in rows.items()]
    header = "new_file_name,sex,birth_date,subset,MagneticFieldStrength,Manufacturer,ManufacturerModelName"
    (folder / "overview.csv").write_text("\n".join([header, *overview]))

    lines = ["image,patient,sequence,level,label,age,split"]
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (8, 9)).astype(np.uint8))
        lines.append(f"{number}.png,p{number // 3},{('t1', 't2')[number % 2]},L{number},{number % 2},50,train")
    (folder / "table.csv").write_text("\n".join(lines))

    arrays = {f"{s}_images": rng.integers(0, 256, (4, 28, 28)).astype(np.uint8) for s in ("train", "val", "test")}
    labels = {f"{s}_labels": np.array([[0], [1], [0], [1]], dtype=np.uint8) for s in ("train", "val", "test")}
    np.savez_compressed(folder / "mnist.npz", **arrays, **labels)
    return {
        "spider": {"folder": str(folder)},
        "spider_scans": {"folder": str(folder / "ungraded"), "discs": 3},
        "image_table": {
            "table": str(folder / "table.csv"),
            "locations": ("level",),
            "labels": ("label",),
            "clinical": ("age",),
        },
        "medmnist": {"file": str(folder / "mnist.npz")},
        "rsna": {"folder": str(rsna_phantom)},
        "oai": {"folder": str(oai_phantom)},
        "dicom_study": {"folders": tuple(map(str, sorted((rsna_phantom / "train_images").iterdir())))},
    }


@pytest.mark.parametrize("name", find("data"))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keeps_the_contract(name, check, fields):
    if name not in fields and check is not contract.names_the_fields_to_set:
        pytest.skip(f"no example files for {name}: add its fields above")
    check(load("data", name, **fields.get(name, {})))
