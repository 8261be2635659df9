"""Model files with foreign content are refused and run nothing."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.models.model import ModelError, read_model
from data.files.sums import sum_of, write_sums
from run_benchmark import app


def fit_sums(model):
    """All sums of a model, as one who means harm would write them."""
    about = json.loads((model / "model.json").read_text())
    (cell,) = about["cells"]
    cell["chain_sum"] = sum_of(model / cell["chain"])
    (model / "model.json").write_text(json.dumps(about))
    write_sums(model)


def _crafted(path, command):
    """A chain whose fusion is `os.system`, reached by attributes of a module of the project."""
    import json as plain
    import zipfile

    import skops

    def node(kind, module, name, **more):
        return {"__class__": name, "__module__": module, "__loader__": kind, **more}

    def method(owner, name):
        return node("MethodNode", "heads.cascade", "importlib", content={"func": name, "obj": owner})

    def plain_value(value, module="builtins", name="str"):
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
    prepare = method(plain_value(command, "heads.cascade", "importlib"), "format")
    encoder = instance("EncoderChain", prepare=prepare, fusion=system)
    chain = instance("Chain", encoders=group(encoder), table=plain_value(None), scales=group(), heads=plain_value(None))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", plain.dumps({**chain, "protocol": 2, "_skops_version": skops.__version__}))


def test_a_file_that_reaches_for_a_command_is_refused_and_runs_nothing(fitted, spines, tmp_path):
    model, mark = fitted(), tmp_path / "ran"
    _crafted(model / "chain_spinal_canal_stenosis.skops", f"touch {mark}")
    fit_sums(model)
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
        ("ObjectNode", "heads.own", "Head", {}),  # defined in another file
        ("ObjectNode", "heads", "own.Own", {}),
        ("ObjectNode", "bench.run.run", "RunOutcome", {}),
        ("FunctionNode", "encoders.fusion.mean", "one_width", {}),  # defined in another file
        ("FunctionNode", "heads.fitting.calibration", "calibrate", {}),
        ("FunctionNode", "numpy", "add", {}),
        ("NdArrayNode", "heads.own", "_Given", {"type": "json", "content": [], "shape": None}),
        ("OperatorFuncNode", "operator", "attrgetter", {"attrs": None}),
        ("ConstructorFromReduceNode", "heads.own", "_Given", {"content": None}),
    ],
)
def test_content_that_no_chain_holds_is_found_and_named(kind, module, name, more):
    import io
    import zipfile

    import skops.io

    from bench.models.trust import SkopsFile

    nothing = json.loads(zipfile.ZipFile(io.BytesIO(skops.io.dumps(None))).read("schema.json"))
    more = {key: nothing if value is None else value for key, value in more.items()}
    node = {"__class__": name, "__module__": module, "__loader__": kind, **more}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("schema.json", json.dumps(node | {"protocol": nothing["protocol"], "_skops_version": "0"}))
    assert SkopsFile(data.getvalue()).foreign() == f"{module}.{name} ({kind})"


def test_a_model_with_foreign_content_is_not_opened(fitted, spines):
    from skops import io

    model = fitted()
    io.dump({"a": shutil.which}, model / "chain_spinal_canal_stenosis.skops")
    fit_sums(model)
    with pytest.raises(ModelError, match=r"holds shutil\.which \(FunctionNode\), which no model"):
        read_model(model, device="cpu")


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
    io.dump(Chain((), None, (), FittedHeads((table.forests[1],), np.ones(1))), path)  # trees outside a table
    with pytest.raises(ModelError, match="leads out of its bounds"):
        read_chain(path)
