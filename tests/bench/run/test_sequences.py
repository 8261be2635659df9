"""Several sequences in a real run: fusion, missing and dropped sequences, heads on features trained with labels."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bench.grid.file import read_grid
from bench.grid.tree import GridError
from bench.plan.plan import Plan
from bench.tasks.store import Store
from data.phantom import write_phantom

GRID = """
name: several
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2, t1 + t2]
regions: [mask: {{slices: 3}}]
encoders: [raw_pixels: {{size: 8}}]
heads: [logistic]
protocol: {{folds: 3, seed: 1}}
"""


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    """Phantom patients; some lack t1 or t2."""
    folder = tmp_path_factory.mktemp("gaps")
    write_phantom(folder, patients=24, seed=5, effect=1.0, spacing=(5.0, 1.8), slices=7, missing=0.3)
    return folder


def cells_of(outcome):
    return json.loads((outcome.folder / "cells.json").read_text())


def predictions(outcome, **axes):
    found = [c for c in cells_of(outcome) if all(c["axes"][axis] == name for axis, name in axes.items())]
    assert len(found) == 1, [c["axes"] for c in found]
    return pd.read_parquet(outcome.folder / "cells" / f"{found[0]['key']}.parquet")


def test_several_sequences_take_every_sample_that_has_one(gaps, go):
    outcome = go(GRID.format(folder=gaps))
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    have = {s: [(gaps / "images" / f"{p}_{s}.mha").exists() for p in samples["patient"]] for s in ("t1", "t2")}
    assert 0 < sum(have["t2"]) < len(samples)
    assert set(predictions(outcome, sequences="t2", heads="logistic")["sample"]) == set(samples.index[have["t2"]])
    assert set(predictions(outcome, sequences="t1 + t2", heads="logistic")["sample"]) == set(samples.index)


def test_with_complete_every_cell_has_the_same_samples(gaps, go):
    outcome = go(GRID.format(folder=gaps), ["protocol.complete=true"])
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    both = [all((gaps / "images" / f"{p}_{s}.mha").exists() for s in ("t1", "t2")) for p in samples["patient"]]
    for cell in cells_of(outcome):
        table = pd.read_parquet(outcome.folder / "cells" / f"{cell['key']}.parquet")
        assert set(table["sample"]) == set(samples.index[both])


def test_the_floor_presence_predicts_from_the_sequences_that_a_sample_has(gaps, go):
    outcome = go(GRID.format(folder=gaps))
    rows = [c["axes"]["sequences"] for c in cells_of(outcome) if c["axes"]["heads"] == "presence"]
    assert rows == ["t1 + t2"]
    table = predictions(outcome, heads="presence").merge(
        pd.read_parquet(outcome.folder / "samples.parquet").reset_index()[["sample", "study"]], on="sample"
    )
    has = [tuple((gaps / "images" / f"{p}_{s}.mha").exists() for s in ("t1", "t2")) for p in table["study"]]
    assert table.assign(has=has).groupby(["fold", "has"])["p_1"].nunique().max() == 1


def test_dropping_a_sequence_takes_it_from_a_share_of_the_patients(gaps, tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text(GRID.format(folder=gaps))
    plan = Plan(read_grid(file, ["protocol.drop={t1: [0, 0.3, 0.6]}"]), Store(tmp_path / "store"))
    both, region = plan.grid.axes["sequences"][1], plan.grid.axes["regions"][0]
    drops = plan.grid.drops(both)
    assert [drop.label() for drop in drops] == ["-", "t1=0.3", "t1=0.6"]
    assert [drop.label() for drop in plan.grid.drops(plan.grid.axes["sequences"][0])] == ["-"]
    without, some, most = (plan.present(both, region, drop=drop) for drop in drops)
    assert without.all()  # nothing was read yet
    lost = [~present[:, 0] for present in (some, most)]
    assert not (lost[0] & ~lost[1]).any()  # a patient without it at .3 has none at .6
    for share, absent in zip((0.3, 0.6), lost, strict=True):
        by_patient = pd.Series(absent).groupby(plan.patients).agg(["min", "max"])
        assert (by_patient["min"] == by_patient["max"]).all()
        spread = np.sqrt(share * (1 - share) / len(by_patient))
        assert abs(by_patient["max"].mean() - share) < 3 * spread
    assert (some[:, 1] & most[:, 1]).all()


def test_a_dropped_sequence_is_never_the_last(gaps, go):
    outcome = go(GRID.format(folder=gaps), ["protocol.drop={t1: [0, 0.9]}"])
    whole = predictions(outcome, sequences="t1 + t2", heads="logistic", drop="none")
    dropped = predictions(outcome, sequences="t1 + t2", heads="logistic", drop="t1=0.9")
    assert set(whole["sample"]) == set(dropped["sample"])
    assert np.abs(whole["p_1"] - dropped["p_1"]).max() > 0.01


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("protocol.drop={t3: [0.5]}", "did you mean"),
        ("protocol.drop={t1: [1.5]}", "less than 1"),
        ("protocol.drop={t1: []}", "must list shares"),
    ],
)
def test_a_wrong_drop_is_named(gaps, tmp_path, setting, message):
    file = tmp_path / "grid.yaml"
    file.write_text(GRID.format(folder=gaps))
    with pytest.raises(GridError, match=message):
        read_grid(file, [setting])


def test_the_head_own_gives_the_probabilities_of_the_fusion_that_other_heads_use(gaps, go):
    text = GRID.format(folder=gaps).replace("[logistic]", "[logistic, own]").replace("[t2, t1 + t2]", "[t1 + t2]")
    text += "fusion: [attention: {epochs: 4}]\n"
    outcome = go(text)
    fused = {p.parent.name: p for p in go.store.glob("fused/*/vectors.npy")}
    assert len(fused) == 3  # one per fold
    assert len(list(go.store.glob("fused/*/fold_of.npy"))) == 3
    table = predictions(outcome, heads="own")
    own = {tuple(np.load(p.with_name("probabilities.npy")).ravel()) for p in fused.values()}
    of_folds = [np.reshape(p, (-1, 2)) for p in own]
    ids = list(pd.read_parquet(outcome.folder / "samples.parquet").index)
    for _, fold in table.groupby("fold"):
        rows = [ids.index(s) for s in fold["sample"]]
        assert any(np.allclose(p[rows, 1], fold["p_1"], atol=1e-12) for p in of_folds)
    assert go(text).computed == 0
    again = go(text.replace("logistic, own", "logistic, own, knn"))
    assert again.computed == 3
    assert {p.parent.name for p in go.store.glob("fused/*/vectors.npy")} == set(fused)


@pytest.mark.long
def test_serial_and_concurrent_runs_of_a_trained_fusion_give_the_same_bits(gaps, go, tmp_path):
    text = GRID.format(folder=gaps).replace("[t2, t1 + t2]", "[t1 + t2]").replace("[logistic]", "[logistic, own]")
    text += "fusion: [attention: {epochs: 4}, per_sequence: {pool: attention, epochs: 3}]\n"
    tables = []
    for jobs in (1, 2):
        outcome = go(text, runs=f"runs{jobs}", store=tmp_path / f"store{jobs}", jobs=jobs)
        tables.append({c["key"]: c for c in cells_of(outcome)})
        folder = outcome.folder / "cells"
        tables[-1] = {k: pd.read_parquet(folder / f"{k}.parquet") for k in tables[-1]}
    assert tables[0].keys() == tables[1].keys()
    for key, table in tables[0].items():
        assert_array_equal(table.to_numpy(), tables[1][key].to_numpy())


def test_per_sequence_fits_a_head_for_each_sequence_and_averages_those_present(gaps, go):
    text = GRID.format(folder=gaps).replace("[t2, t1 + t2]", "[t1, t2, t1 + t2]")
    outcome = go(text + "fusion: [mean, per_sequence: {pool: mean}]\n")
    single = {s: predictions(outcome, sequences=s, fusion="mean", heads="logistic") for s in ("t1", "t2")}
    together = {"sequences": "t1 + t2", "fusion": "per_sequence(pool=mean)", "heads": "logistic"}
    joint = predictions(outcome, **together).set_index("sample")["p_1"]
    both = pd.concat([t.set_index("sample")["p_1"] for t in single.values()], axis=1)
    assert_allclose(joint, both.mean(axis=1).loc[joint.index], atol=1e-9)


def test_the_head_own_needs_a_fusion_that_learns_from_labels(gaps, go):
    outcome = go(GRID.format(folder=gaps).replace("[logistic]", "[logistic, own]"))
    reasons = {c["reason"] for c in cells_of(outcome) if c["axes"]["heads"] == "own"}
    assert len(reasons) == 1
    assert "learns from no labels" in reasons.pop()


def test_the_run_holds_how_well_absent_sequences_are_filled(gaps, go):
    text = GRID.format(folder=gaps) + "fusion: [concat]\nmissing: [mean, pseudo_modality]\n"
    outcome = go(text.replace("[t2, t1 + t2]", "[t1 + t2]"))
    table = pd.read_csv(outcome.folder / "filling.csv")
    assert len(table) == 2 * 3 * 2  # methods, folds, sequences
    by_method = table.groupby("missing")["explained_variance"].mean()
    assert abs(by_method["mean"]) < 0.2
    assert by_method["pseudo_modality"] > by_method["mean"]
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    both = sum(all((gaps / "images" / f"{p}_{s}.mha").exists() for s in ("t1", "t2")) for p in samples["patient"])
    counts = table[table["missing"] == "mean"].groupby("sequence")["n"].sum()
    assert (counts == both).all()


def test_clinical_columns_may_have_gaps(gaps, go, tmp_path):
    scans = tmp_path / "scans.csv"
    rows = [(gaps / "images" / f"{p}_t2.mha", p, p % 2, "fm"[p % 3 > 0], 40 + p) for p in range(1, 19)]
    table = pd.DataFrame(rows, columns=["image", "patient", "narrowing", "sex", "age"])
    table = table[[path.exists() for path in table["image"]]]
    table.iloc[0, 3] = table.iloc[1, 4] = None
    table.to_csv(scans, index=False)
    assert scans.read_text().count(",,") == 1
    outcome = go(f"""
name: gaps
data: {{image_table: {{table: {scans}, labels: [narrowing], clinical: [sex, age]}}}}
targets: [narrowing]
sequences: [image]
encoders: [raw_pixels: {{size: 8}}]
tables: [forest_onehot]
heads: [logistic]
protocol: {{folds: 3, seed: 1}}
""")
    assert set(outcome.counts) == {"done"}
    assert len(predictions(outcome, heads="logistic")) == len(table)


@pytest.mark.parametrize("pool", ["mean", "attention"])
def test_a_sequence_that_a_fold_can_not_learn_gives_base_rates(go, gaps, tmp_path, pool):
    """Only one sample has t1, and it has no t2: the fold that tests it has learnt nothing about t1."""
    rows = [(gaps / "images" / f"{p}_t2.mha", p, "t2", p % 2) for p in range(1, 25)]
    rows = [row for row in rows if row[0].exists()]
    rows[0] = (rows[0][0], rows[0][1], "t1", rows[0][3])
    table = pd.DataFrame(rows, columns=["image", "patient", "sequence", "label"])
    table.to_csv(tmp_path / "scans.csv", index=False)
    outcome = go(f"""
name: rare
data: {{image_table: {{table: {tmp_path / "scans.csv"}, labels: [label]}}}}
targets: [label]
sequences: [t1 + t2]
encoders: [raw_pixels: {{size: 8}}]
fusion: [per_sequence: {{pool: {pool}, epochs: 1}}]
heads: [logistic]
protocol: {{folds: 3, seed: 1}}
""")
    assert set(outcome.counts) == {"done"}
    predicted = predictions(outcome, heads="logistic").set_index("sample")
    folds = pd.read_csv(outcome.folder / "folds.csv", dtype={"patient": str}).set_index("patient")["fold"]
    samples = pd.read_parquet(outcome.folder / "samples.parquet")
    sample = samples.index[samples["patient"] == str(rows[0][1])][0]
    fold = folds[samples["patient"]].to_numpy()
    y = table.set_index(table["patient"].astype(str))["label"].loc[samples["patient"]].to_numpy()
    assert_allclose(predicted.loc[sample, "p_1"], y[fold != folds[str(rows[0][1])]].mean())
    assert np.isfinite(predicted["p_1"]).all()
