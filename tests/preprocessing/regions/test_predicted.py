"""The region `predicted` learns points from some patients, finds those of others, and rates how near it came."""

from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from data.base import Image
from data.describing.training import heard_by
from encoders.networks.weights import WeightsError
from preprocessing.regions.base import Study
from preprocessing.regions.localisation.fitted import FittedPredicted
from preprocessing.regions.localisation.marks import mark_of, marks_by_sequence
from preprocessing.regions.point import Point
from preprocessing.regions.predicted import Predicted

# Axial slices: D to the head, H to the back, W to the left
AFFINE = np.array([[0, 0, 1.5, -45], [0, 1.5, 0, -30], [5, 0, 0, 100], [0, 0, 0, 1.0]])
TINY = {"pixels": 32, "slice_pixels": 32, "volume": (8, 32, 32), "depth": 10, "pictures": 2, "scans": 2}
TINY |= {"epochs": 14, "batch_size": 4, "validation": 0.0, "learning_rate": 0.01, "least_steps": 0}
SIDES = ("left", "right")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def place(seed, side):
    """The index of a blob; the sides look alike but mirrored, and each lies in its own slice."""
    rng = np.random.default_rng([seed, SIDES.index(side)])
    lateral = rng.uniform(10, 20)
    return np.array([rng.integers(6), rng.uniform(12, 28), 29.5 + (lateral if side == "left" else -lateral)])


def blobs(seed):
    pixels = np.random.default_rng(seed).normal(0, 0.05, (6, 40, 60)).astype(np.float32)
    h, w = np.meshgrid(np.arange(40), np.arange(60), indexing="ij")
    for side in SIDES:
        d, row, column = place(seed, side)
        pixels[int(d)] += np.exp(-((h - row) ** 2 + (w - column) ** 2) / 18).astype(np.float32)
    return Image(1000 * pixels, AFFINE)


def study(seed, *, image=blobs, fault=""):
    samples = [
        {"sample": f"{seed}_{side}", "patient": f"p{seed}", "study": str(seed), "condition": "blob", "side": side}
        for side in SIDES
    ]
    rows = [("ax", *(blobs(seed).position(place(seed, side))), fault) for side in SIDES]
    index = pd.Index([sample["sample"] for sample in samples], name="sample")
    points = pd.DataFrame(rows, columns=["sequence", "x", "y", "z", "fault"], index=index)
    return Study(str(seed), f"p{seed}", {"ax": partial(image, seed), "sag": lambda: None}, samples, points)


@pytest.fixture(scope="module")
def fitted():
    return Predicted(**TINY).fit([study(i) for i in range(24)], seed=0, device="cpu")


def without_points(given):
    return replace(given, points=None)


def found_in(fitted, given):
    return fitted.look(given).points


def test_finds_the_points_of_patients_it_has_not_seen_and_keeps_left_from_right(fitted):
    rated = pd.concat([fitted.rate(s, fitted.look(without_points(s))) for s in map(study, range(100, 120))])
    assert rated["slices"].median() == 0
    assert (rated["slices"] == 0).mean() > 0.8
    assert rated["mm"].median() < 4
    assert rated["mm"].median() < 0.5 * min(rated["mm_mean"].median(), rated["mm_centre"].median())


def test_the_table_is_that_of_the_contract(fitted):
    given = study(100)
    found = found_in(fitted, without_points(given))
    assert found.index.name == "sample"
    assert list(found.index) == ["100_left", "100_right"]
    assert list(found.columns) == ["sequence", "x", "y", "z", "fault", "slice"]
    image = blobs(100)
    for _, row in found.iterrows():
        assert (row["sequence"], row["fault"]) == ("ax", "")
        assert_allclose(image.index(row[["x", "y", "z"]].to_numpy(dtype=float))[0], row["slice"], atol=1e-9)


def test_rates_as_one_counts_by_hand(fitted):
    given = study(7)
    shifted = given.points.assign(slice=[int(place(7, side)[0]) + 2 for side in SIDES])
    shifted = shifted.assign(z=shifted["z"] + 10, x=shifted["x"] + 7.5)
    rated = fitted.rate(given, replace(given, points=shifted))
    assert_allclose(rated[["slices", "slice_mm", "mm"]], [[2, 10, 12.5]] * 2)
    left = np.mean([blobs(i).position(place(i, "left")) for i in range(24)], axis=0)
    away = left - given.points.loc["7_left", ["x", "y", "z"]].to_numpy(dtype=float)
    assert_allclose(rated.loc["7_left", "mm_mean"], np.linalg.norm(away))
    assert_allclose(rated.loc["7_left", "slice_mm_mean"], abs(away[2]))
    # All of these scans have one centre, so that both baselines are the same place.
    assert_allclose(rated["mm_centre"], rated["mm_mean"])


def test_saved_and_loaded_finds_the_same(fitted, tmp_path):
    fitted.save(tmp_path)
    again = Predicted(**TINY).load(tmp_path, device="cpu")
    given = study(100)
    assert_frame_equal(found_in(again, given), found_in(fitted, given))
    assert_frame_equal(again.rate(given, again.look(given)), fitted.rate(given, fitted.look(given)))
    assert_frame_equal(again.artifacts()["learning_curve"], fitted.artifacts()["learning_curve"])


def test_points_that_cannot_be_found_have_a_reason(fitted):
    given = study(100, image=lambda _: None)
    seen = fitted.look(given)
    found = seen.points
    assert (found["fault"] == "no ax in this study").all()
    assert (found["slice"] == -1).all()
    assert found[["x", "y", "z"]].isna().all(axis=None)
    rated = fitted.rate(given, seen)
    assert len(rated) == 2
    assert rated.isna().all(axis=None)
    other = Study("1", "p", given.images, [{**given.samples[0], "side": "middle"}])
    assert list(found_in(fitted, other)["fault"]) == ["no training point of blob middle"]
    assert fitted.rate(other, fitted.look(other)).empty


def test_points_in_a_scan_of_one_slice_lie_in_that_slice(fitted):
    given = study(100, image=lambda seed: Image(blobs(seed).pixels[:1], AFFINE))
    assert list(found_in(fitted, given)["slice"]) == [0, 0]


def test_annotations_of_a_new_study_change_nothing(fitted):
    given = study(100)
    assert_frame_equal(found_in(fitted, given), found_in(fitted, without_points(given)))


@pytest.mark.parametrize(
    ("instance", "coordinates"), [("regression", "heatmap"), ("slices", "regression"), ("regression", "regression")]
)
def test_every_pair_of_stages_trains_and_comes_back(instance, coordinates, tmp_path):
    region = Predicted(**TINY | {"epochs": 2, "validation": 0.5, "instance": instance, "coordinates": coordinates})
    told = []
    with heard_by(lambda *words: told.append(words)):
        fitted = region.fit([study(i) for i in range(6)], seed=0, device="cpu")
    assert [words for words in told if words[0] != "epoch"] == [
        ("sequence", 0, 1),
        ("network", 0, 2),
        ("network", 1, 2),
    ]
    fitted.save(tmp_path)
    again = region.load(tmp_path, device="cpu")
    assert_frame_equal(found_in(again, study(100)), found_in(fitted, study(100)))
    curve = fitted.artifacts()["learning_curve"]
    assert list(curve.columns) == ["sequence", "stage", "epoch", "train_loss", "validation_error"]
    assert list(curve["stage"]) == ["instance"] * 2 + ["coordinates"] * 2
    assert np.isfinite(curve["validation_error"]).all()


def test_the_same_seed_gives_the_same_networks_and_leaves_torchs_generator_as_it_was():
    before = torch.get_rng_state()
    region = Predicted(**TINY | {"epochs": 1})
    one, other, third = (
        region.fit([study(i) for i in range(4)], seed=seed, device="cpu").artifacts()["learning_curve"]
        for seed in (1, 1, 2)
    )
    assert one.equals(other)
    assert not one.equals(third)
    assert torch.equal(torch.get_rng_state(), before)


def test_reads_each_scan_once():
    reads = Counter()

    def counted(seed):
        reads[seed] += 1
        return blobs(seed)

    Predicted(**TINY | {"epochs": 2}).fit([study(i, image=counted) for i in range(4)], seed=0, device="cpu")
    assert reads == {0: 1, 1: 1, 2: 1, 3: 1}


def test_without_a_usable_point_there_is_nothing_to_learn():
    for given in (study(0, fault="outside"), without_points(study(0)), study(0, image=lambda _: None)):
        with pytest.raises(ValueError, match="none of 1 training studies has an annotated point"):
            Predicted(**TINY).fit([given], seed=0, device="cpu")


def test_a_condition_is_looked_for_where_most_of_its_points_were_marked():
    studies = [study(i) for i in range(3)]
    studies[0].points.loc["0_left", "sequence"] = "sag"
    studies[1].points.loc["1_right", ["sequence", "x"]] = ["sag", np.nan]
    left, right = (mark_of(sample) for sample in studies[0].samples)
    assert left == (("condition", "blob"), ("side", "left"))
    assert marks_by_sequence(studies) == {"ax": [left, right]}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"instance": "guess"}, "instance 'guess' is none of slices, regression"),
        ({"coordinates": "guess"}, "coordinates 'guess' is none of heatmap, regression"),
        ({"pixels": 40}, r"pixels \(40\) must be a multiple of 16"),
        ({"slice_pixels": 64}, r"slice_pixels \(64\) must not exceed pixels \(32\)"),
        ({"epochs": 0}, r"epochs \(0\) must be 1 or more"),
        ({"depth": 12}, r"depth \(12\) is none of 10, 18"),
        ({"volume": (16, 112)}, "three sides"),
    ],
)
def test_wrong_fields_are_refused(fields, why):
    with pytest.raises(ValueError, match=why):
        Predicted(**TINY | fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"encoder": "resnet1"}, "timm has no network 'resnet1'"),
        ({"instance_weights": "nowhere.pth", "instance": "regression"}, "'nowhere.pth' is not a file"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(fields, why):
    with pytest.raises((ValueError, WeightsError), match=why):
        Predicted(**TINY | fields).fit([study(0), study(1)], seed=0, device="cpu")


def test_the_digest_covers_both_files_of_weights(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    both = Predicted(instance_weights=str(tmp_path / "a"), encoder_weights=str(tmp_path / "b")).weights_digest()
    assert len(both) == 129
    assert Predicted().weights_digest() == ""
    with pytest.raises(WeightsError, match="is not a file: give an existing file, or '' for random weights"):
        Predicted(encoder_weights="nowhere").weights_digest()


def test_the_box_is_that_of_the_region_point():
    sample = {"side": "left", "point": blobs(3).position((2, 20, 30))}
    fields = {"size": (20.0, 30.0), "slices": 3, "mirror": True}
    boxes = FittedPredicted(Predicted(**fields)._box(), {}, [])
    assert boxes.locate(blobs(3), sample) == Point(**fields).locate(blobs(3), sample)
    assert boxes.locate(blobs(3), {"point": None}) is None
