"""A whole grid on real files: what is computed, when, and with which results."""

import json

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench import api
from bench.stages.crop_files import Crops
from results.artifacts import read_artifacts
from results.methods import methods
from results.run_folder import read


def keys(store, kind):
    folder = store / kind
    return {p.name for p in folder.iterdir()} if folder.exists() else set()


def test_runs_every_cell_once_and_predicts_every_sample_once(small, go):
    outcome = go(small)
    cells = json.loads((outcome.folder / "cells.json").read_text())
    assert len(cells) == 4 + 2 * 2 * 2  # floors, then images x balance x heads
    assert {c["status"] for c in cells} == {"done"}
    assert outcome.computed == 12 * 3
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    for cell in cells:
        predictions = pd.read_parquet(outcome.folder / "cells" / f"{cell['key']}.parquet")
        assert sorted(predictions["sample"]) == sorted(samples.index)
        assert_array_equal(predictions["y"], samples.loc[predictions["sample"], "narrowing"])


def test_folds_keep_patients_whole_and_are_written_before_the_fits(small, go):
    outcome = go(small)
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype={"patient": str})
    assert folds.groupby("patient")["fold"].nunique().max() == 1
    assert set(folds["fold"]) == {0, 1, 2}


def test_a_finished_grid_computes_nothing(small, go):
    first = go(small)
    before = {kind: keys(go.store, kind) for kind in ("crops", "tokens", "fits")}
    again = go(small)
    assert first.computed == 36
    assert again.computed == 0
    assert before == {kind: keys(go.store, kind) for kind in ("crops", "tokens", "fits")}


def test_an_added_encoder_computes_its_cells_and_no_other(small, go):
    go(small)
    before = {kind: keys(go.store, kind) for kind in ("crops", "tokens", "fits")}
    outcome = go(small.replace("{size: 12}", "{size: [12, 8]}"))
    assert outcome.computed == 2 * 2 * 2 * 3  # images x balance x heads x folds of the new encoder
    assert keys(go.store, "crops") == before["crops"]
    assert len(keys(go.store, "tokens") - before["tokens"]) == 2
    assert len(keys(go.store, "fits") - before["fits"]) == 24


def test_a_prediction_equals_the_plain_scikit_learn_way(small, go):
    outcome = go(small)
    cell = next(
        c
        for c in json.loads((outcome.folder / "cells.json").read_text())
        if (c["axes"]["heads"], c["axes"]["balance"], c["axes"]["images"]) == ("logistic", "none", "grayscale")
    )
    predictions = pd.read_parquet(outcome.folder / "cells" / f"{cell['key']}.parquet").set_index("sample")
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype={"patient": str}).set_index("patient")["fold"]
    X = _raw_pixels(samples, json.loads((outcome.folder / "run.json").read_text()), outcome)
    fold = folds[samples["patient"]].to_numpy()
    for f in range(3):
        train, test = fold != f, fold == f
        scaler = StandardScaler().fit(X[train])
        model = LogisticRegression(C=0.01, max_iter=5000, tol=1e-8).fit(
            scaler.transform(X[train]), samples["narrowing"][train]
        )
        expected = model.predict_proba(scaler.transform(X[test]))[:, 1]
        np.testing.assert_allclose(predictions.loc[samples.index[test], "p_1"], expected, atol=1e-3)


def _raw_pixels(samples, run, outcome):
    """The features computed in another way: SimpleITK's arrays, the mask's box by numpy, OpenCV's resize."""
    import cv2
    import SimpleITK as sitk  # noqa: N813

    grid = (outcome.folder / "grid.yaml").read_text()
    folder = grid.split("folder: ")[1].split("}")[0]
    rows = []
    for _, sample in samples.iterrows():
        image = sitk.DICOMOrient(sitk.ReadImage(f"{folder}/images/{sample['study']}_t2.mha"), "PIL")
        mask = sitk.DICOMOrient(sitk.ReadImage(f"{folder}/masks/{sample['study']}_t2.mha"), "PIL")
        pixels = sitk.GetArrayFromImage(image).astype(np.float64)
        low, high = np.percentile(pixels, [1, 99])
        pixels = np.clip((pixels - low) / (high - low), 0, 1)
        inside = np.argwhere(sitk.GetArrayFromImage(mask) == sample["mask_label"])
        crop = _square(pixels, inside, image.GetSpacing()[::-1])
        area = cv2.resize(crop.astype(np.float32), (12, 12), interpolation=cv2.INTER_AREA)
        rows.append(area.ravel())
    return np.array(rows)


def _square(pixels, inside, spacing):
    first, last = inside.min(axis=0), inside.max(axis=0)
    middle = (first + last) / 2
    size = (last[1:] - first[1:] + 1) * spacing[1:] + 2 * 5.0
    side = np.ceil(max(size) / np.array(spacing[1:]) - 1e-6) * np.array(spacing[1:])
    rows = []
    for axis in (1, 2):
        centre, half = middle[axis], side[axis - 1] / spacing[axis] / 2
        rows.append(np.arange(int(np.ceil(centre - half - 1e-9)), int(np.ceil(centre + half - 1e-9))))
    slice_ = pixels[int(np.ceil(middle[0] - 0.5 - 1e-9))]
    padded = np.full((len(rows[0]), len(rows[1])), pixels.min())
    for i, h in enumerate(rows[0]):
        for j, w in enumerate(rows[1]):
            if 0 <= h < slice_.shape[0] and 0 <= w < slice_.shape[1]:
                padded[i, j] = slice_[h, w]
    return padded


def test_serial_and_concurrent_runs_give_the_same_bits(small, go, tmp_path):
    grid = small.replace("heads: [prior, location, logistic, knn]", "heads: [svc, lightgbm, mlp, nystroem]")
    serial = go(grid, runs="serial", jobs=1, store=tmp_path / "store1")
    parallel = go(grid, runs="parallel", jobs=4, store=tmp_path / "store4")
    files = sorted(p.name for p in (serial.folder / "cells").iterdir())
    assert files == sorted(p.name for p in (parallel.folder / "cells").iterdir())
    for name in files:
        one, other = (pd.read_parquet(o.folder / "cells" / name) for o in (serial, parallel))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_failing_cell_is_kept_as_failed_and_the_others_go_on(small, go, tmp_path, monkeypatch):
    import heads

    monkeypatch.setattr(heads, "__path__", list(heads.__path__))
    plugins = tmp_path / "mine" / "heads"
    plugins.mkdir(parents=True)
    (plugins / "broken.py").write_text(
        '"""A head that fails."""\n'
        "from dataclasses import dataclass\n"
        "from heads.base import Head\n\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Broken(Head):\n"
        '    """Fails."""\n\n'
        "    def build(self, *, seed, threads, device):\n"
        '        raise RuntimeError("out of luck")\n'
    )
    from bench.plugins import add_folder

    add_folder(tmp_path / "mine")
    outcome = go(small.replace("knn]", "broken]"))
    assert outcome.counts == {"done": 8, "failed": 4}
    cells = json.loads((outcome.folder / "cells.json").read_text())
    reasons = {c["reason"] for c in cells if c["status"] == "failed"}
    assert reasons == {"RuntimeError: out of luck"}
    assert "out of luck" in next((outcome.folder / "failures").iterdir()).read_text()
    again = go(small.replace("knn]", "broken]"))
    assert again.counts["failed"] == 4  # never cached as done


def test_only_computes_the_named_cells_and_leaves_the_rest_to_do(small, go):
    outcome = go(small, only={"images": ["grayscale"], "heads": ["logistic"]})
    assert outcome.counts == {"done": 6, "to do": 6}


def test_exclude_drops_cells(small, go):
    outcome = go(small + "exclude: [{heads: knn, balance: smote}]\n")
    assert sum(outcome.counts.values()) == 10


def test_a_seed_changes_folds_and_the_same_seed_does_not(small, go):
    first = (go(small).folder / "folds.csv").read_text()
    assert (go(small, ["protocol.seed=2"]).folder / "folds.csv").read_text() != first
    assert (go(small).folder / "folds.csv").read_text() == first


def test_two_sequences_and_their_combination_are_three_values_of_an_axis(small, go):
    text = small.replace("sequences: [t2]", "sequences: [t1, t2, t1 + t2]").replace("images: [grayscale, ", "images: [")
    outcome = go(text.replace("balance: [none, smote]", "fusion: [mean, concat]"))
    cells = json.loads((outcome.folder / "cells.json").read_text())
    assert {c["axes"]["sequences"] for c in cells} == {"t1", "t2", "t1 + t2"}
    assert outcome.counts["done"] == len({c["key"] for c in cells})


def test_learnt_encoders_keep_their_learning_curves(small, go):
    text = small.replace("raw_pixels: {size: 12}", "cae_2d: {size: 16, channels: [4, 8], latent: 4, steps: 2}")
    outcome = go(text.replace("images: [grayscale, ", "images: [").replace("balance: [none, smote]\n", ""))
    left = read_artifacts(outcome.folder)
    assert [(one.repeat, one.fold) for one in left] == [(0, 0), (0, 1), (0, 2)]
    assert all(list(pd.read_csv(one.files["learning_curve"][0])["step"]) == [1, 2] for one in left)
    assert all(len(one.cells) == 2 and one.target is None and one.sequences == ("t2",) for one in left)
    assert len(keys(go.store, "networks")) == 3
    assert len(keys(go.store, "tokens")) == 3 + 1  # the floor pixels has one for all folds


def test_artifacts_with_long_names_stay_apart(small, go):
    chain = " + ".join(["grayscale"] * 20)
    text = small.replace("images: [grayscale, ", f"images: [{chain}] #").replace("balance: [none, smote]\n", "")
    outcome = go(text + "fusion: [attention: {epochs: [1, 2]}]\n")
    epochs = {}
    for one in read_artifacts(outcome.folder):
        epochs.setdefault(one.cells, set()).add(pd.read_csv(one.files["learning_curve"][0])["epoch"].nunique())
    assert sorted(epochs.values(), key=max) == [{1}, {2}]


def test_panels_are_the_samples_with_the_highest_and_lowest_probability_of_their_class(small, go):
    outcome = go(small.replace("images: [grayscale, ", "images: [") + "panels: 4\n")
    about = json.loads((outcome.folder / "panels" / "narrowing.json").read_text())
    table = pd.read_parquet(outcome.folder / "cells" / f"{about['cell']}.parquet")
    own = np.where(table["y"] == 1, table["p_1"], table["p_0"])
    by_half = {
        half: [sample["probability"] for sample in about["samples"] if sample["half"] == half]
        for half in ("best", "worst")
    }
    assert by_half["best"][0] == own.max() and by_half["worst"][0] == own.min() and len(about["samples"]) == 4
    predicted = table.set_index("sample").filter(regex=r"^p_\d$").idxmax(axis=1)
    assert all(f"p_{one['predicted']}" == predicted[one["sample"]] for one in about["samples"])
    patients = table.set_index("sample")["patient"][[one["sample"] for one in about["samples"]]].tolist()
    assert patients[0] != patients[1] and patients[2] != patients[3]
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    (entry,) = (go.store / "crops").iterdir()
    crops = Crops(entry)
    with np.load(outcome.folder / "panels" / "narrowing.npz") as images:
        for i, one in enumerate(about["samples"]):
            pixels = crops[int(crops.rows[samples.index.get_loc(one["sample"])])].pixels
            assert_array_equal(images[f"image_{i}_0"], pixels[len(pixels) // 2])
    assert go(small.replace("images: [grayscale, ", "images: [")).computed == 0
    assert not (outcome.folder / "panels").exists()


def test_null_runs_use_permuted_labels_and_their_own_folds(small, go):
    text = small.replace("images: [grayscale, ", "images: [").replace("[none, smote]", "[none]").replace(", knn", "")
    outcome = go(text, null=3)
    real = go(text)
    assert outcome.computed == 5 * 3 + 3 * 3
    assert real.computed == 0
    nulls = sorted(outcome.folder.glob("null/*/*.parquet"))
    assert len(nulls) == 3
    folds = [pd.read_parquet(p).drop_duplicates("patient").set_index("patient")["fold"] for p in nulls]
    assert any((folds[0] != folds[1][folds[0].index]).to_numpy())
    truth = pd.read_parquet(outcome.folder / "samples.parquet")["narrowing"]
    permuted = pd.read_parquet(nulls[0]).set_index("sample")["y"]
    assert permuted.sum() == truth.sum()
    assert (permuted != truth[permuted.index]).any()


def test_merge_makes_one_class_of_two(small, go):
    merged = "targets: [pfirrmann: {merge: {1: 2, 4: 3, 5: 3}}]"
    outcome = go(small.replace("targets: [narrowing]", merged))
    cells = json.loads((outcome.folder / "cells.json").read_text())
    assert cells[0]["classes"] == ["2", "3"]
    grades = pd.read_parquet(outcome.folder / "samples.parquet")["pfirrmann"]
    y = pd.read_parquet(outcome.folder / "cells" / f"{cells[0]['key']}.parquet").set_index("sample")["y"]
    assert_array_equal(y, (grades[y.index] >= 3).astype(int))
    words = "Merged: 1 counts as 2, 4 counts as 3, 5 counts as 3."
    assert words in " ".join(api.open(outcome.folder).tables().split())
    assert words in " ".join(methods(read(outcome.folder)).split())


def test_two_targets_with_the_same_labels_are_two_cells_that_share_their_fits(small, go, phantom_copy):
    file = phantom_copy / "radiological_gradings.csv"
    table = pd.read_csv(file)
    table["Disc bulging"] = table["Disc narrowing"]
    table.to_csv(file, index=False)
    text = small.split("data:")[0] + f"data: {{spider: {{folder: {phantom_copy}}}}}\n" + small.split("}}\n", 1)[1]
    outcome = go(text.replace("targets: [narrowing]", "targets: [narrowing, bulging]"))
    assert outcome.counts == {"done": 24}
    assert outcome.computed == 36


def test_a_target_without_finished_cells_does_not_hinder_the_tables_of_the_others(small, go):
    from results.tables.main import table

    outcome = go(
        small.replace("targets: [narrowing]", "targets: [narrowing, pfirrmann]"), only={"targets": ["narrowing"]}
    )
    assert "narrowing" in table(read(outcome.folder))
    assert "pfirrmann" in table(read(outcome.folder), format="md")
