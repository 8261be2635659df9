"""The phantom is reproducible, true to its geometry, graded as often as SPIDER, and neither trivial nor hopeless."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.phantom import write_phantom
from data.phantom.anatomy import FACTORS, draw_anatomy
from data.phantom.gradings import COUNTS, SPIDER_NAMES, draw_gradings
from data.phantom.scan import CANAL, sagittal_grid, scan
from data.spider import Spider

GRADINGS = (
    "Patient,IVD label,Modic,UP endplate,LOW endplate,Spondylolisthesis,"
    "Disc herniation,Disc narrowing,Disc bulging,Pfirrman grade"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, patients=5, seed=1, spacing=(4.4, 1.5))
    return folder


def pixels(folder):
    return {p.name: sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in sorted(folder.glob("*/*.mha"))}


def patient(number, effect, discs=6):
    gradings, _ = draw_gradings(np.random.default_rng([7, number, 0]), discs)
    return gradings, draw_anatomy(np.random.default_rng([7, number, 1]), gradings, effect)


def within_level(y, score, level, fold):
    """AUC over the pairs of one level and fold, by counting."""
    wins = pairs = 0.0
    for cell in set(zip(level, fold, strict=True)):
        here = (level == cell[0]) & (fold == cell[1])
        difference = score[here & (y == 1)][:, None] - score[here & (y == 0)]
        wins += (difference > 0).sum() + 0.5 * (difference == 0).sum()
        pairs += difference.size
    return wins / pairs


def test_the_same_seed_gives_the_same_files(folder, tmp_path):
    write_phantom(tmp_path / "again", patients=2, seed=1, spacing=(4.4, 1.5))
    write_phantom(tmp_path / "other", patients=2, seed=2, spacing=(4.4, 1.5))
    first, again, other = (pixels(f) for f in (folder, tmp_path / "again", tmp_path / "other"))
    assert all(np.array_equal(again[name], first[name]) for name in again)
    assert not any(np.array_equal(other[name], first[name]) for name in other)
    rows = pd.read_csv(folder / "truth.csv").query("Patient <= 2")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again" / "truth.csv"), rows)


def test_a_sequence_looks_the_same_whatever_other_sequences_are_written(folder, tmp_path):
    write_phantom(tmp_path, patients=1, seed=1, spacing=(4.4, 1.5), sequences=("stir", "t2", "t2_SPACE"))
    written = {p.stem for p in (tmp_path / "images").iterdir()}
    assert written == {"1_stir", "1_t2", "1_t2_SPACE"}
    t2, before = (sitk.GetArrayFromImage(sitk.ReadImage(str(f / "images" / "1_t2.mha"))) for f in (tmp_path, folder))
    assert_array_equal(t2, before)
    thin = sitk.ReadImage(str(tmp_path / "images" / "1_t2_SPACE.mha"))
    assert thin.GetSpacing()[0] == pytest.approx(4.4 / 3)


def test_at_effect_0_nothing_but_the_level_decides_the_image():
    healthy, _ = draw_gradings(np.random.default_rng(0), 6)
    ill = {name: np.full(6, counts_grades(name) - 1 + (name == "pfirrmann")) for name in COUNTS}
    healthy = {name: np.full(6, int(name == "pfirrmann")) for name in healthy}
    images = []
    for gradings, effect in ((healthy, 0.0), (ill, 0.0), (ill, 0.5)):
        rng = np.random.default_rng(1)
        anatomy = draw_anatomy(rng, gradings, effect)
        affine, shape = sagittal_grid(rng, anatomy, (4.4, 2.0), 9)
        images.append(scan(rng, anatomy, affine, shape, ("t1", "t2")))
    for sequence in ("t1", "t2"):
        assert_array_equal(images[0][sequence].pixels, images[1][sequence].pixels)
    assert images[2]["t2"].pixels.shape != images[0]["t2"].pixels.shape or not np.array_equal(
        images[2]["t2"].pixels, images[0]["t2"].pixels
    )


def counts_grades(name):
    return len(COUNTS[name][0])


def test_gradings_are_as_frequent_at_each_level_as_in_spider(shared_data):
    table = pd.read_csv(shared_data / "spider-tables" / "radiological_gradings.csv")
    drawn = [draw_gradings(np.random.default_rng([5, n]), 8)[0] for n in range(1500)]
    for ours, theirs in SPIDER_NAMES.items():
        for level in range(8):
            real = table.loc[table["IVD label"] == level + 1, theirs]
            grades = np.array([g[ours][level] for g in drawn])
            for grade in real.unique():
                assert (grades == grade).mean() == pytest.approx((real == grade).mean(), abs=0.05)
    pfirrmann, narrowing, bulging = (np.array([g[n] for g in drawn]) for n in ("pfirrmann", "narrowing", "bulging"))
    # SPIDER's own correlations are .62, .56 and .51; patients' levels go together.
    assert 0.45 < np.corrcoef(pfirrmann.ravel(), narrowing.ravel())[0, 1] < 0.75
    assert 0.4 < np.corrcoef(pfirrmann.ravel(), bulging.ravel())[0, 1] < 0.7
    assert np.corrcoef(pfirrmann[:, 1], pfirrmann[:, 2])[0, 1] > 0.3


def test_the_tables_agree_with_each_other_and_with_spiders_headers(folder, shared_data):
    gradings = pd.read_csv(folder / "radiological_gradings.csv")
    overview, truth = pd.read_csv(folder / "overview.csv"), pd.read_csv(folder / "truth.csv")
    widths = truth.groupby("Patient")[["ap_width", "lateral_width"]].nunique()
    assert (widths > 1).all(axis=None)  # each disc has its own width
    assert ",".join(gradings.columns) == GRADINGS
    real = pd.read_csv(shared_data / "spider-tables" / "overview.csv", nrows=1)
    assert list(overview.columns) == list(real.columns)
    discs = overview.set_index("new_file_name")["num_discs"]
    for number, rows in gradings.groupby("Patient"):
        assert discs[f"{number}_t1"] == discs[f"{number}_t2"] == len(rows)
        assert list(rows["IVD label"]) == list(range(1, len(rows) + 1))
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "masks" / f"{number}_t2.mha")))
        labels = set(range(1, len(rows) + 1)) | {CANAL} | {200 + n for n in rows["IVD label"]}
        assert set(np.unique(mask)) == labels | {0}
    assert_array_equal(truth["narrowing"], gradings["Disc narrowing"])
    assert set(FACTORS) <= set(truth.columns) and len(FACTORS) >= 12
    assert truth.notna().all(axis=None)


def test_the_spider_adapter_reads_it_in_place(folder):
    spider = Spider(folder=str(folder), sequences=("t1", "t2"))
    samples, truth = spider.samples(), pd.read_csv(folder / "truth.csv")
    assert len(samples) == len(truth) and not len(spider.excluded())
    for (number, disc), row in truth.set_index(["Patient", "IVD label"]).iterrows():
        image = spider.load(str(number), "t2")
        assert image.directions[0] @ (1, 0, 0) > 0.9
        centre = image.position(np.argwhere(image.mask == 200 + disc)).mean(axis=0)
        # Slices are 4.4 mm apart, and the outermost may cut a disc.
        assert_allclose(centre, row[["x", "y", "z"]].astype(float), atol=2.2)
        if disc == 3:
            canal = image.position(np.argwhere(image.mask == CANAL))
            near = canal[np.abs(canal[:, 2] - centre[2]) < 5].mean(axis=0)
            assert abs(near[0] - centre[0]) < 4
            assert near[1] - centre[1] > row["ap_width"] / 2


def test_t2_shows_bright_fluid_and_t1_dark(folder):
    spider = Spider(folder=str(folder), sequences=("t1", "t2"))
    t1, t2 = spider.load("1", "t1"), spider.load("1", "t2")
    assert_array_equal(t1.mask, t2.mask)
    fluid, marrow = t1.mask == CANAL, t1.mask == 3
    assert np.median(t2.pixels[fluid]) > 1.5 * np.median(t2.pixels[marrow])
    assert np.median(t1.pixels[fluid]) < np.median(t1.pixels[marrow])


def test_noise_in_air_is_rayleigh():
    rng = np.random.default_rng(0)
    _, anatomy = patient(1, 0.5)
    affine, (slices, rows, columns) = sagittal_grid(rng, anatomy, (4.4, 2.0), 15)
    affine[:3, 3] += 40 * affine[:3, 2]  # 80 mm to the back, where there is only air
    air = scan(rng, anatomy, affine, (slices, rows, columns), ("t1",))["t1"].pixels[:, :, -20:]
    assert air.mean() / air.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.02)


def test_series_go_missing_but_no_patient_does(tmp_path):
    write_phantom(tmp_path, patients=12, missing=0.5, spacing=(8.0, 3.0), slices=5)
    names = {p.stem for p in (tmp_path / "images").iterdir()}
    assert names == {p.stem for p in (tmp_path / "masks").iterdir()}
    assert names == set(pd.read_csv(tmp_path / "overview.csv")["new_file_name"])
    assert {n.split("_")[0] for n in names} == {str(n) for n in range(1, 13)}
    assert 12 <= len(names) < 24


def test_every_disc_lies_inside_the_slices():
    for number in range(20):
        rng = np.random.default_rng([3, number])
        _, anatomy = patient(number, 1.0, discs=6 + number % 3)
        affine, shape = sagittal_grid(rng, anatomy, (4.4, 0.9), 15)
        inverse = np.linalg.inv(affine)
        for disc in anatomy.discs[: 6 + number % 3]:
            for v in (-disc.ap / 2, disc.ap / 2):
                point = anatomy.pose[:3, :3] @ disc.at(0, v, 0) + anatomy.pose[:3, 3]
                index = inverse[:3, :3] @ point + inverse[:3, 3]
                assert (index > 0).all() and (index < np.array(shape) - 1).all()


def test_geometry_predicts_the_grade_better_with_a_stronger_effect():
    areas = []
    for effect in (0.0, 0.5, 1.0):
        rows = []
        for number in range(300):
            gradings, anatomy = patient(number, effect)
            rows += [(gradings["narrowing"][i], -d.height, i) for i, d in enumerate(anatomy.discs[:6])]
        y, score, level = np.array(rows).T
        areas.append(within_level(y, score, level, np.zeros(len(y))))
    nothing, half, full = areas
    assert nothing == pytest.approx(0.5, abs=0.05)
    assert half > 0.6
    assert full > 0.8


@pytest.mark.long
@pytest.mark.parametrize("patients", [30, pytest.param(300, marks=pytest.mark.long)])
def test_raw_pixels_stay_under_65_within_level_at_effect_one_half(patients):
    import cv2
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    crops, rows = [], []
    for number in range(patients):
        rng = np.random.default_rng([9, number])
        gradings, anatomy = patient(number, 0.5, discs=int(rng.integers(6, 9)))
        affine, shape = sagittal_grid(rng, anatomy, (4.4, 0.9), 15)
        image = scan(rng, anatomy, affine, shape, ("t2",), thickness=4.0)["t2"]
        low, high = np.percentile(image.pixels, (1, 99))
        margin = int(5 / image.spacing[1])
        for disc in range(len(gradings["narrowing"])):
            place = np.argwhere(image.mask == 201 + disc)
            top, left = place.min(axis=0)[1:] - margin
            bottom, right = place.max(axis=0)[1:] + margin
            middle = image.pixels[round(place[:, 0].mean()), max(top, 0) : bottom, max(left, 0) : right]
            crops.append(cv2.resize(np.clip((middle - low) / (high - low), 0, 1), (32, 32)).ravel())
            rows.append((number, disc, gradings["narrowing"][disc], gradings["bulging"][disc]))
    X, (groups, level, *targets) = np.array(crops), np.array(rows).T
    for y in targets:
        score, fold = np.zeros(len(y)), np.zeros(len(y))
        for k, (train, test) in enumerate(GroupKFold(5).split(X, y, groups)):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(X[train], y[train])
            score[test], fold[test] = model.decision_function(X[test]), k
        assert within_level(y, score, level, fold) < 0.65


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"effect": 1.5}, "effect"),
        ({"missing": 1.0}, "missing"),
        ({"sequences": ("t3",)}, "t2_SPACE"),
        ({"patients": 0}, "patients"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(DataError, match=message):
        write_phantom(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()
