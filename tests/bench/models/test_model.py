"""Models: cells refitted on all patients, kept, opened again, and their results for studies in DICOM folders."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.models.diagnose import grade
from bench.models.fit import fit_model
from bench.models.model import ModelError
from bench.models.reopen import CellError
from bench.run.progress import Progress
from data.rsna_challenge.places import Place
from run_benchmark import app
from tests.bench.models.spines import probabilities

HEADS = ("logistic", "svc", "knn", "lightgbm: {rounds: 5}", "xgboost: {rounds: 5}", "mlp: {epochs: 3}", "own")


@pytest.mark.parametrize("heads", HEADS)
def test_a_model_gives_a_training_study_the_probabilities_of_its_head(fitted, go, spines, heads, monkeypatch):
    from bench.models import fit as writer

    chains = []
    fit_chain = writer.fit_chain

    def noted(plan, work, planned, fit, *, device):
        chain = fit_chain(plan, work, planned, fit, device=device)
        tokens = [work.fuse.stored(planned, refs) for refs in fit.tokens]
        columns = plan.samples[plan.keys.table_columns(planned.cell)]
        P = chain.predict(tokens, work.fuse.own(planned, fit), columns).P
        chains.append(pd.DataFrame(P, plan.ids))
        return chain

    monkeypatch.setattr(writer, "fit_chain", noted)
    model = fitted(heads, "attention: {epochs: 2}" if heads == "own" else "concat")
    expected = chains[0]
    studies = sorted({name.split("_")[0] for name in expected.index})[:2]
    for study, diagnosis in probabilities(model, spines, studies).items():
        for finding in diagnosis.findings:
            sample = f"{study}_{Place(**finding.place).column}"
            np.testing.assert_allclose(finding.probabilities, expected.loc[sample], rtol=1e-4, atol=1e-6)
            assert finding.grade == diagnosis.classes[int(np.argmax(finding.probabilities))]
    differs = np.ptp(expected.to_numpy(), axis=0).max() > 0.01
    assert differs or heads == "svc"  # its calibration finds no signal, since no picture shows the labels


def test_a_diagnosis_holds_several_targets_and_fills_a_lost_sequence(fitted, spines, tmp_path):
    targets = ("spinal_canal_stenosis", "subarticular_stenosis")
    model = fitted(targets=targets)
    (study,) = sorted(path.name for path in (spines / "train_images").iterdir())[:1]
    (whole,) = probabilities(model, spines, [study]).values()
    assert len(whole.findings) == 15
    series = pd.read_csv(spines / "train_series_descriptions.csv", dtype=str)
    lost = series[(series["study_id"] == study) & (series["series_description"] == "Axial T2")]["series_id"]
    copy = tmp_path / "lacking"
    shutil.copytree(spines / "train_images" / study, copy)
    assert len(lost)
    for name in lost:
        shutil.rmtree(copy / name)
    (filled,) = grade(model, [copy], spines / "train_series_descriptions.csv", keep_names=False, device="cpu")
    assert filled.study == "study_1"
    assert all(one.grade for one in filled.findings)
    before = np.array([one.probabilities for one in whole.findings])
    after = np.array([one.probabilities for one in filled.findings])
    assert np.abs(before - after).max() > 1e-3


def test_two_targets_of_one_place_are_refused_on_a_page(fitted, spines):
    model = fitted(targets=("severity", "spinal_canal_stenosis"))
    with pytest.raises(ModelError, match="severity and spinal_canal_stenosis of one place"):
        probabilities(model, spines, [path.name for path in (spines / "train_images").iterdir()][:1])


def test_cells_that_share_a_network_keep_their_own_boxes(tmp_path):
    from dataclasses import dataclass

    from bench.models.anchors import Anchors
    from bench.models.model import _ModelReader
    from preprocessing.regions.base import Region

    @dataclass(frozen=True, kw_only=True)
    class Boxes(Region):
        margin: int = 0
        weights: str = ""

        def load(self, folder, *, device):
            return self, folder

        def fit(self, studies, *, seed, device):
            return self

    reader = _ModelReader(tmp_path, {}, "cpu", Anchors())
    for margin in (0, 25):
        found, folder = reader.region(Boxes(margin=margin), "networks/a")
        assert (found.margin, folder) == (margin, (tmp_path / "networks" / "a").resolve())
    assert [reader.region(Boxes(weights=name), "").weights for name in ("a", "b")] == ["a", "b"]
    assert reader.region(Boxes(weights="a"), "") is reader.region(Boxes(weights="a"), "")


STAGES = """
name: stages
data: {{rsna: {{folder: {folder}}}}}
targets: [spinal_canal_stenosis, subarticular_stenosis]
sequences: [sagittal_t2 + axial_t2]
regions:
  - predicted: {{epochs: 1, least_steps: 0, cross_fits: 2, slice_pixels: 32, pixels: 32, slices: 1, size: [30.0, 30.0]}}
encoders: [finetuned: {{preset: "", network: test_efficientnet, weights: random, size: 32, epochs: 1}}]
heads: [own]
protocol: {{folds: 2, seed: 1}}
"""


def test_three_stages_from_training_to_a_study_that_lacks_a_sequence(go, spines, tmp_path):
    """Points of a missing sequence are not found: cross-validation gives base rates, a diagnosis the reason."""
    folder = shutil.copytree(spines, tmp_path / "lacking")
    series = pd.read_csv(folder / "train_series_descriptions.csv", dtype=str)
    study = series["study_id"][0]
    lost = series[(series["study_id"] == study) & (series["series_description"] == "Axial T2")]["series_id"]
    for name in lost:
        shutil.rmtree(folder / "train_images" / study / name)
    outcome = go(STAGES.format(folder=folder))
    assert not outcome.failures
    cells = [c for c in json.loads((outcome.folder / "cells.json").read_text()) if not c["floor"]]
    by_target = {c["target"]: c["key"] for c in cells}
    found = pd.read_parquet(outcome.folder / "cells" / f"{by_target['subarticular_stenosis']}.parquet")
    P = found.set_index("sample").filter(regex="p_")
    here = P.index.str.startswith(study)
    assert here.sum() == 10
    assert len(np.unique(P[here].round(12), axis=0)) == 1
    assert len(np.unique(P[~here].round(6), axis=0)) > 10
    model = tmp_path / "model"
    options = {"store": go.store, "grid_file": None, "device": "cpu", "jobs": 2}
    fit_model(outcome.folder, list(by_target.values()), model, **options, progress=Progress(live=False, show=str))
    (diagnosis,) = grade(
        model,
        [folder / "train_images" / study],
        folder / "train_series_descriptions.csv",
        keep_names=True,
        device="cpu",
    )
    graded = {one.place["condition"]: bool(one.grade) for one in diagnosis.findings}
    assert graded == {"spinal_canal_stenosis": True, "subarticular_stenosis": False}
    assert {one.missing for one in diagnosis.findings if not one.grade} == {"no axial_t2 in this study"}
    marks = [one.mark for one in diagnosis.findings if one.mark]
    assert {mark.sequence for mark in marks} == {"sagittal_t2"}
    anchors = tmp_path / "anchors.csv"
    anchors.write_text(f"study,level\n{study},L4/L5\n")
    where = {"keep_names": True, "device": "cpu", "anchor": str(anchors)}
    folders = [folder / "train_images" / study]
    (named,) = grade(model, folders, folder / "train_series_descriptions.csv", **where)
    canal = {one.place["level"]: one for one in named.findings if one.place["condition"] == "spinal_canal_stenosis"}
    assert [level for level, one in canal.items() if not one.grade] == ["L5/S1"]
    assert canal["L5/S1"].missing == "it lies below L4/L5, which is named as the lowest level seen"
    for text, why in (
        (f"{study}0,L5/S1", "is no study at hand: did you mean"),
        (f"{study},S1", "'S1', for which"),
    ):
        anchors.write_text(f"study,level\n{text}\n")
        with pytest.raises(CellError, match=why):
            list(grade(model, folders, folder / "train_series_descriptions.csv", **where))


def test_a_region_that_finds_points_is_refused_with_dropped_sequences(go, spines):
    text = STAGES.format(folder=spines).replace("seed: 1", "seed: 1, drop: {sagittal_t2: [0.5]}")
    text = text.replace("heads: [own]", "heads: [own]\nexclude: [{targets: subarticular_stenosis}]")
    cells = json.loads((go(text).folder / "cells.json").read_text())
    reasons = [c["reason"] for c in cells if not c["floor"]]
    assert reasons
    assert all("looks for points in dropped sequences" in reason for reason in reasons)


def test_a_folder_that_is_no_study_does_not_stop_the_others(fitted, spines, tmp_path):
    model, empty = fitted(), tmp_path / "empty"
    empty.mkdir()
    study = next((spines / "train_images").iterdir())
    table = ["--descriptions", str(spines / "train_series_descriptions.csv"), "--out", str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, ["diagnose", str(model), str(empty), str(study), *table])
    assert outcome.exit_code == 2
    assert "argument 1: " in outcome.output
    assert len(list((tmp_path / "out").glob("*/diagnosis.html"))) == 1
