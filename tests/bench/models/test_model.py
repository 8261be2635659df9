"""Models: cells refitted on all patients, kept, opened again, and what they say of studies in DICOM folders."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.models.diagnose import grade
from bench.models.fit import fit_model
from bench.models.model import ModelError, read_model
from bench.run.progress import Progress
from data.rsna_challenge.tables import Place
from run_benchmark import app

GRID = """
name: spines
data: {{rsna: {{folder: {folder}}}}}
targets: [{targets}]
sequences: [sagittal_t1 + sagittal_t2 + axial_t2]
regions: [{region}]
encoders: [raw_pixels: {{size: 6}}]
missing: [neighbours: {{k: 30}}]
fusion: [{fusion}]
tables: [forest_onehot]
heads: [{heads}]
protocol: {{folds: 2, seed: 1}}
"""
HEADS = ("logistic", "svc", "knn", "lightgbm: {rounds: 5}", "xgboost: {rounds: 5}", "mlp: {epochs: 3}", "own")


@pytest.fixture(scope="module")
def spines(tmp_path_factory):
    """Eight studies in which every class is as frequent as the others."""
    from data.phantom import write_rsna_phantom

    folder = tmp_path_factory.mktemp("spines")
    write_rsna_phantom(folder, patients=8, test_patients=0, seed=2, effect=1.0, spacing=(5.0, 1.6), axial_slices=3)
    table = pd.read_csv(folder / "train.csv")
    for i, column in enumerate(table.columns[1:]):
        table[column] = np.array(["Normal/Mild", "Moderate", "Severe"])[(np.arange(len(table)) + i) % 3]
    table.to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture
def fitted(go, spines, tmp_path):
    """Runs a grid on the spines and fits the cells with a head: `fitted(heads, fusion, targets)` gives the model."""

    def fit(heads="logistic", fusion="concat", targets=("spinal_canal_stenosis",), region="whole: {slices: 1}"):
        text = GRID.format(folder=spines, targets=", ".join(targets), region=region, fusion=fusion, heads=heads)
        run = go(text).folder
        cells = json.loads((run / "cells.json").read_text())
        keys = [c["key"] for c in cells if not c["floor"] and c["axes"]["heads"].startswith(heads.partition(":")[0])]
        out = tmp_path / "model"
        options = {"store": go.store, "grid_file": None, "device": "cpu", "jobs": 2}
        fit_model(run, keys, out, **options, progress=Progress(live=False, show=lambda text: None))
        return out

    return fit


def probabilities(model, spines, studies):
    folders = [spines / "train_images" / study for study in studies]
    found = grade(model, folders, spines / "train_series_descriptions.csv", keep_names=True, device="cpu")
    return {one.study: one for one in found if not isinstance(one, Exception)}


@pytest.mark.parametrize("heads", HEADS)
def test_a_model_says_of_a_training_study_what_its_head_did(fitted, go, spines, heads, monkeypatch):
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
    wanted = chains[0]
    studies = sorted({name.split("_")[0] for name in wanted.index})[:2]
    for study, told in probabilities(model, spines, studies).items():
        for one in told.findings:
            sample = f"{study}_{Place(**one.place).column}"
            np.testing.assert_allclose(one.probabilities, wanted.loc[sample], rtol=1e-4, atol=1e-6)
            assert one.grade == told.classes[int(np.argmax(one.probabilities))]
    told_apart = np.ptp(wanted.to_numpy(), axis=0).max() > 0.01
    assert told_apart or heads == "svc"  # whose calibration finds nothing in labels that no picture shows


def test_several_targets_stand_in_one_diagnosis_and_a_lost_sequence_is_filled(fitted, spines, tmp_path):
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
    (told,) = grade(model, [copy], spines / "train_series_descriptions.csv", keep_names=False, device="cpu")
    assert told.study == "study_1"
    assert all(one.grade for one in told.findings)
    before = np.array([one.probabilities for one in whole.findings])
    after = np.array([one.probabilities for one in told.findings])
    assert np.abs(before - after).max() > 1e-3


def test_a_cell_at_annotated_points_is_refused(fitted):
    with pytest.raises(ModelError, match="needs annotated points, which a new study has not"):
        fitted(region="point: {slices: 1}")


def test_what_a_model_never_holds_is_not_opened(fitted, spines):
    from skops import io

    model = fitted()
    io.dump({"a": shutil.which}, model / "chain_spinal_canal_stenosis.skops")
    with pytest.raises(ModelError, match=r"holds shutil\.which \(FunctionNode\), which no model"):
        read_model(model, device="cpu")


def _crafted(path, command):
    """A chain whose fusion is `os.system`, reached by attributes of a module of the project."""
    import json as plain
    import zipfile

    import skops

    def node(kind, module, name, **more):
        return {"__class__": name, "__module__": module, "__loader__": kind, **more}

    def method(of, name):
        return node("MethodNode", "heads.cascade", "importlib", content={"func": name, "obj": of})

    def told(value, module="builtins", name="str"):
        return node("JsonNode", module, name, content=plain.dumps(value), is_json=True)

    def instance(name, **fields):
        keys = node("ListNode", "builtins", "list", content=[node("TypeNode", "builtins", "str")] * len(fields))
        content = node("DictNode", "builtins", "dict", key_types=keys, content=fields)
        return node("ObjectNode", "bench.stages.chain", name, content=content)

    def group(*parts):
        return node("TupleNode", "builtins", "tuple", content=list(parts))

    system = node("TypeNode", "heads.cascade", "importlib")
    for name in ("_bootstrap_external", "_os", "system"):
        system = method(system, name)
    prepare = method(told(command, "heads.cascade", "importlib"), "format")
    encoder = instance("EncoderChain", prepare=prepare, fusion=system)
    chain = instance("Chain", encoders=group(encoder), table=told(None), scales=group(), heads=told(None))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", plain.dumps({**chain, "protocol": 2, "_skops_version": skops.__version__}))


def test_a_file_that_reaches_for_a_command_is_refused_and_runs_nothing(fitted, spines, tmp_path):
    model, mark = fitted(), tmp_path / "ran"
    _crafted(model / "chain_spinal_canal_stenosis.skops", f"touch {mark}")
    study = next((spines / "train_images").iterdir())
    outcome = CliRunner().invoke(app, ["diagnose", str(model), str(study), "--out", str(tmp_path / "out")])
    assert not mark.exists()
    assert outcome.exit_code == 2
    assert "which no model of this project holds: do not open it" in outcome.output


@pytest.mark.parametrize(
    ("kind", "module", "name", "more"),
    [
        ("TypeNode", "heads.cascade", "importlib", {}),
        ("TypeNode", "heads.own", "Own", {}),
        ("ObjectNode", "heads.cascade", "importlib", {}),
        ("ObjectNode", "heads.own", "dataclass", {}),
        ("ObjectNode", "heads.own", "Head", {}),  # of another file
        ("ObjectNode", "heads", "own.Own", {}),
        ("ObjectNode", "bench.run.run", "Outcome", {}),
        ("FunctionNode", "encoders.fusion.mean", "one_width", {}),  # of another file
        ("FunctionNode", "heads.fitting.calibration", "calibrate", {}),
        ("FunctionNode", "numpy", "add", {}),
        ("NdArrayNode", "heads.own", "_Given", {"type": "json", "content": [], "shape": None}),
        ("OperatorFuncNode", "operator", "attrgetter", {"attrs": None}),
        ("ConstructorFromReduceNode", "heads.own", "_Given", {"content": None}),
    ],
)
def test_only_what_chains_hold_is_built(kind, module, name, more):
    import io
    import zipfile

    import skops.io

    from bench.models.trust import foreign

    nothing = json.loads(zipfile.ZipFile(io.BytesIO(skops.io.dumps(None))).read("schema.json"))
    more = {key: nothing if value is None else value for key, value in more.items()}
    node = {"__class__": name, "__module__": module, "__loader__": kind, **more}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("schema.json", json.dumps(node | {"protocol": nothing["protocol"], "_skops_version": "0"}))
    assert foreign(data.getvalue()) == f"{module}.{name} ({kind})"


def test_the_commands_say_what_is_wrong_and_end_with_2(fitted, go, spines, tmp_path):
    model = fitted()
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("no scan")
    wrong = {
        "is no model": [str(tmp_path), str(text)],
        "DICOM": [str(model), str(text)],
        "no such": [str(model), str(tmp_path / "nowhere")],
        "there is auto, cpu, cuda": [str(model), str(text), "--device", "tpu"],
    }
    for said, arguments in wrong.items():
        outcome = CliRunner().invoke(app, ["diagnose", *arguments])
        assert outcome.exit_code == 2, said
        assert said in outcome.output
        assert "Traceback" not in outcome.output
    run = go(
        GRID.format(
            folder=spines,
            targets="spinal_canal_stenosis",
            region="whole: {slices: 1}",
            fusion="concat",
            heads="logistic",
        )
    ).folder
    store = ["--store", str(go.store)]
    for said, arguments in {
        "exists: name a new folder": [str(run), "--cell", "1", "--out", str(model), *store],
        "is no cell of": [str(run), "--cell", "zz", "--out", str(tmp_path / "new"), *store],
        "is no run folder": [str(text), "--cell", "zz", "--out", str(tmp_path / "new"), *store],
    }.items():
        outcome = CliRunner().invoke(app, ["fit", *arguments])
        assert outcome.exit_code == 2, outcome.output
        assert said in outcome.output
    done = (run / "cells.json").read_text()
    cells = json.loads(done)
    (one,) = [cell for cell in cells if not cell["floor"]]
    one |= {"status": "failed", "reason": "ValueError: no memory"}
    (run / "cells.json").write_text(json.dumps(cells))
    arguments = ["fit", str(run), "--cell", one["key"], "--out", str(tmp_path / "new"), *store]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert "is failed in" in outcome.output
    assert "no memory" in outcome.output
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_written_is_told_before_a_study_is_read(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    nothing = [str(tmp_path / "no_model"), str(tmp_path)]
    for said, options in {
        "is a file: name a folder": ["--out", str(file)],
        f"{file} is a file": ["--out", str(file / "inner" / "folder")],
        "in a folder that exists": ["--keep-names", "--submission", str(tmp_path / "no" / "s.csv")],
        "give --keep-names too": ["--submission", str(tmp_path / "s.csv")],
    }.items():
        outcome = CliRunner().invoke(app, ["diagnose", *nothing, *options])
        assert outcome.exit_code == 2, said
        assert said in outcome.output


def test_a_broken_model_is_told_in_one_line(fitted, tmp_path):
    model = fitted("own", "attention: {epochs: 2}")
    read_model(model, device="cpu")

    def cut(folder):
        path = next(folder.rglob("*.safetensors"))
        path.write_bytes(path.read_bytes()[:-20])

    def told(**changed):
        def change(folder):
            about = json.loads((folder / "model.json").read_text())
            about["cells"][0] |= changed
            (folder / "model.json").write_text(json.dumps(about))

        return change

    def wider(folder):
        about = json.loads((folder / "model.json").read_text())
        about["cells"][0]["steps"]["fusion"][0]["fields"]["hidden"] = 3
        (folder / "model.json").write_text(json.dumps(about))

    breaks = [
        lambda folder: (folder / "model.json").write_text("[]"),
        lambda folder: (folder / "model.json").write_text("{"),
        lambda folder: (folder / "facts.json").write_text("{"),
        lambda folder: (folder / "facts.json").write_text("[]"),
        lambda folder: (folder / "chain_spinal_canal_stenosis.skops").write_bytes(b"PK123"),
        cut,
        wider,
        told(steps=3),
        told(chain="../outside.skops"),
        told(chain=str(tmp_path / "outside.skops")),
        told(fusions=["../../etc"]),
    ]
    shutil.copy(model / "chain_spinal_canal_stenosis.skops", tmp_path / "outside.skops")
    for i, change in enumerate(breaks):
        broken = tmp_path / f"broken_{i}"
        shutil.copytree(model, broken)
        change(broken)
        with pytest.raises(ModelError) as caught:
            read_model(broken, device="cpu")
        assert str(caught.value).count("\n") == 0, i
        if i >= 8:
            assert "is not in this folder" in str(caught.value)


def test_a_model_of_other_code_or_versions_warns(fitted, spines, tmp_path):
    model = fitted()
    assert read_model(model, device="cpu").warnings == ()
    about = json.loads((model / "model.json").read_text())
    about["cells"][0]["steps"]["heads"][0]["code"] = "other"
    about["versions"]["scikit-learn"] = "0.1.2"
    (model / "model.json").write_text(json.dumps(about))
    versions, code = read_model(model, device="cpu").warnings
    assert "the model was fitted with 0.1.2" in versions
    assert code.startswith("heads/logistic is not the code")
    study = next((spines / "train_images").iterdir())
    outcome = CliRunner().invoke(app, ["diagnose", str(model), str(study), "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 0, outcome.output
    assert code in outcome.stderr


def test_cells_that_share_a_network_keep_their_own_boxes(tmp_path):
    from dataclasses import dataclass

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

    reader = _ModelReader(tmp_path, {}, "cpu")
    for margin in (0, 25):
        found, folder = reader.region(Boxes(margin=margin), "networks/a")
        assert (found.margin, folder) == (margin, (tmp_path / "networks" / "a").resolve())
    assert [reader.region(Boxes(weights=name), "").weights for name in ("a", "b")] == ["a", "b"]
    assert reader.region(Boxes(weights="a"), "") is reader.region(Boxes(weights="a"), "")


def test_a_field_that_a_model_cannot_keep_is_refused(fitted, monkeypatch):
    from bench.models import fit as writer

    monkeypatch.setattr(writer, "_is_plain", lambda value: not isinstance(value, int))
    with pytest.raises(ModelError, match=r"its field .* is no plain value"):
        fitted()


def test_forests_of_tables_are_read_and_a_tree_out_of_bounds_is_not(tmp_path):
    from skops import io

    from bench.models.model import read_chain
    from bench.stages.chain import Chain
    from bench.stages.fits import FittedHeads
    from preprocessing.tables.forest_onehot import ForestOnehot

    rng = np.random.default_rng(0)
    columns = pd.DataFrame(rng.normal(size=(30, 3)), columns=["age", "height", "weight"])
    columns.iloc[:4, 0] = np.nan
    table = ForestOnehot(trees=2).build(seed=0).fit(columns)
    chain = Chain((), table, (), FittedHeads((), np.ones(1)))
    path = tmp_path / "chain.skops"
    io.dump(chain, path)
    np.testing.assert_array_equal(read_chain(path).table.transform(columns), table.transform(columns))

    tree = table.forests[0].estimators_[0].tree_
    for field, value in (("left_child", 10**6), ("right_child", 0), ("feature", 2), ("left_child", -7)):
        state = tree.__getstate__()
        kept = state["nodes"].copy()
        state["nodes"][field][0] = value
        tree.__setstate__(state)
        io.dump(chain, path)
        with pytest.raises(ModelError, match="leads out of its bounds"):
            read_chain(path)
        tree.__setstate__(state | {"nodes": kept})
    io.dump(Chain((), None, (), FittedHeads((table.forests[1],), np.ones(1))), path)  # where no table's trees are
    with pytest.raises(ModelError, match="leads out of its bounds"):
        read_chain(path)


STAGES = """
name: stages
data: {{rsna: {{folder: {folder}}}}}
targets: [spinal_canal_stenosis, subarticular_stenosis]
sequences: [sagittal_t2 + axial_t2]
regions: [predicted: {{epochs: 1, slice_pixels: 32, pixels: 32, slices: 1, size: [30.0, 30.0]}}]
encoders: [finetuned: {{preset: "", network: test_efficientnet, weights: random, size: 32, epochs: 1}}]
heads: [own]
protocol: {{folds: 2, seed: 1}}
"""


def test_three_stages_from_training_to_a_study_that_lacks_a_sequence(go, spines, tmp_path):
    """Points of a sequence that is missing are not found: in cross-validation base rates, in a diagnosis the reason."""
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
    (told,) = grade(
        model,
        [folder / "train_images" / study],
        folder / "train_series_descriptions.csv",
        keep_names=True,
        device="cpu",
    )
    graded = {one.place["condition"]: bool(one.grade) for one in told.findings}
    assert graded == {"spinal_canal_stenosis": True, "subarticular_stenosis": False}
    assert {one.missing for one in told.findings if not one.grade} == {"no axial_t2 in this study"}
    marks = [one.mark for one in told.findings if one.mark]
    assert {mark.sequence for mark in marks} == {"sagittal_t2"}


def test_dropped_sequences_are_not_looked_through(go, spines):
    text = STAGES.format(folder=spines).replace("seed: 1", "seed: 1, drop: {sagittal_t2: [0.5]}")
    text = text.replace("heads: [own]", "heads: [own]\nexclude: [{targets: subarticular_stenosis}]")
    cells = json.loads((go(text).folder / "cells.json").read_text())
    reasons = [c["reason"] for c in cells if not c["floor"]]
    assert reasons
    assert all("looks for points in dropped sequences too" in reason for reason in reasons)


def test_a_folder_that_is_no_study_does_not_stop_the_others(fitted, spines, tmp_path):
    model, empty = fitted(), tmp_path / "empty"
    empty.mkdir()
    study = next((spines / "train_images").iterdir())
    table = ["--descriptions", str(spines / "train_series_descriptions.csv"), "--out", str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, ["diagnose", str(model), str(empty), str(study), *table])
    assert outcome.exit_code == 2
    assert "argument 1: " in outcome.output
    assert len(list((tmp_path / "out").glob("*/diagnosis.html"))) == 1
