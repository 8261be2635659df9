"""`external` in a grid: every cell is fitted once on all patients and scored once on a second dataset."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from typer.testing import CliRunner

from bench import api
from bench.plan.known import KnownPatientError
from data.files.sums import SumsError
from run_benchmark import app
from tests.bench.models.parts import cut, go, patients_of

GRID = """
name: outside
data: {{spider: {{folder: {train}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask]
encoders: [raw_pixels: {{size: 12}}, cae_2d: {{size: 16, channels: [4, 8], latent: 4, steps: 20}}]
balance: [none, smote]
heads: [logistic: {{C: 0.1}}, svc]
protocol: {{folds: 3, seed: 1, threshold: youden{protocol}}}
"""
EXTERNAL = "external: {{spider: {{folder: {rest}}}}}\n"


@pytest.fixture(scope="module")
def parts(phantom, tmp_path_factory):
    base = tmp_path_factory.mktemp("outside")
    patients = patients_of(phantom)
    cut(phantom, base / "train", patients[:10])
    cut(phantom, base / "rest", patients[10:])
    return base


@pytest.fixture(scope="module")
def ran(parts):
    """A run with an external test: its outcome."""
    return go(parts / "done", text(parts))


def text(parts, protocol="", rest=None, external=EXTERNAL):
    return (GRID + external).format(train=parts / "train", rest=rest or parts / "rest", protocol=protocol)


def external(outcome):
    return json.loads((outcome.folder / "external" / "run.json").read_text())["protocol"]["external"]


def keys(folder):
    return [cell["key"] for cell in json.loads((folder / "cells.json").read_text())]


def test_cells_keep_their_keys_and_get_external_scores(parts, ran):
    plain = go(parts / "plain", text(parts, external=""))
    assert keys(plain.folder) == keys(ran.folder)
    assert not (plain.folder / "external").exists()
    outside = api.open(ran.folder / "external")
    assert len(outside.cells) == len(keys(ran.folder)) and set(outside.cells["status"]) == {"done"}
    assert set(outside.cells["heads"]) >= {"prior", "location"}


@pytest.mark.parametrize("head", ["logistic", "svc"])
def test_a_cell_is_scored_as_its_model_predicts(parts, ran, tmp_path, head):
    cells = json.loads((ran.folder / "cells.json").read_text())
    mine = [c for c in cells if c["axes"]["heads"].startswith(head) and not c["axes"]["encoders"].startswith("raw")]
    cell = next(c for c in mine if c["axes"]["balance"] == "smote")
    where = {"device": "cpu", "jobs": 2}
    api.fit(ran.folder, cell["key"], tmp_path / "model", store=parts / "done" / "store", **where)
    data = {"spider": {"folder": str(parts / "rest")}}
    predicted = api.predict(tmp_path / "model", data, out=tmp_path / "out", store=tmp_path / "store", **where)
    mine, theirs = (
        {
            key
            for path in (place / "held_out").glob("*.json")
            for use in json.loads(path.read_text())["uses"]
            for key in use["cells"]
        }
        for place in (tmp_path / "store", parts / "done" / "store")
    )
    assert len(mine) == 1 and mine <= theirs, "one name in the ledger, since it is one cell"
    outside = api.open(ran.folder / "external")
    same = outside.cells[(outside.cells[list(cell["axes"])] == pd.Series(cell["axes"])).all(axis=1)]
    expected = outside.predictions(same["key"].iloc[0]).set_index("sample")
    found = predicted.table.set_index("sample").loc[expected.index]
    assert len(expected) > 40
    assert_allclose(found[["p_0", "p_1"]], expected[["p_0", "p_1"]], rtol=1e-4, atol=1e-5)
    floors = outside.cells.set_index("heads")
    mine = predicted.scores.cells.set_index("heads")
    for name in ("prior", "location", "clinical", "pixels"):
        theirs = outside.predictions(floors.loc[name, "key"]).set_index("sample")["p_1"]
        known = predicted.scores.predictions(mine.loc[name, "key"]).set_index("sample")["p_1"]
        assert_allclose(known, theirs[known.index], rtol=1e-4, atol=1e-6, err_msg=name)
    (theirs,) = [one for one in outside.opened.cells if one.key == same["key"].iloc[0]]
    called = outside.opened.predictions(theirs)
    by_sample = pd.Series(called.called, called.sample)
    assert (found["called"].astype(int) == by_sample[found.index]).all()


def test_an_external_fit_leaves_out_the_copies_that_the_run_leaves_out(tmp_path):
    random = np.random.default_rng(0)
    for name, n in (("train", 12), ("new", 6)):
        (tmp_path / name).mkdir()
        images = [random.normal(90 + 30 * (i % 2), 40, (12, 12)).clip(0, 255).astype(np.uint8) for i in range(n)]
        if name == "train":
            images[5] = images[2]
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
        rows = [f"{i}.png,{name}{i},{int(i % 2)}" for i in range(n)]
        (tmp_path / name / "table.csv").write_text("\n".join(["image,patient,torn", *map(str, rows)]))
    new = {"image_table": {"table": str(tmp_path / "new" / "table.csv")}}
    grid = {
        "name": "copies",
        "data": {"image_table": {"table": str(tmp_path / "train" / "table.csv"), "labels": ["torn"]}},
        "external": new,
        "targets": ["torn"],
        "sequences": ["image"],
        "encoders": [{"raw_pixels": {"size": 6}}],
        "heads": [{"logistic": {"tune": {"C": [0.1, 1]}}}],
        "protocol": {"folds": 2, "identical_images": "exclude", "external_known": "exclude"},
    }
    run = go(tmp_path, json.dumps(grid)).folder
    assert "another patient has the same image" in (run / "excluded.csv").read_text()
    where = {"device": "cpu", "jobs": 1, "store": tmp_path / "store"}
    api.fit(run, "logistic", tmp_path / "model", **where)
    found = api.predict(tmp_path / "model", new, out=tmp_path / "out", **where)
    assert "All heads are tuned on inner folds." in found.scores.tables()
    predicted, outside = found.table.set_index("sample"), api.open(run / "external")
    (key,) = outside.cells.loc[~outside.cells["floor"], "key"]
    mine = outside.predictions(key).set_index("sample")
    assert_allclose(mine["p_1"], predicted.loc[mine.index].iloc[:, -2], rtol=1e-6)
    assert json.loads((tmp_path / "model" / "model.json").read_text())["cells"][0]["n_patients"] == 11


def test_the_table_shows_both_scores_with_floors_and_the_ledger(ran):
    run = api.open(ran.folder)
    drawn = " ".join(run.tables(preset="external").split())
    assert "Fitted once on the 10 patients of spider (train) with a label and a scan, and scored once here" in drawn
    assert "No other cell had been scored on the patients of this external test before." in drawn
    assert "it covers the sampling of patients alone" in drawn
    table = pd.read_csv(io.StringIO(run.tables(preset="external", format="csv")))
    crossed = run.table(metrics=["auc"])
    outside = api.open(ran.folder / "external").table(metrics=["auc"])
    assert sorted(table["AUC cross-validated"]) == pytest.approx(sorted(crossed["auc"]))
    assert sorted(table["AUC external"]) == pytest.approx(sorted(outside["auc"]))
    assert table["floor"].sum() == 4
    assert "external test" in run.tables()
    page = run.report().read_text()
    assert (
        'id="external"' in page and "No other cell had been scored on the patients of this external test before" in page
    )
    for path in (ran.folder / "external" / "samples.parquet", ran.folder / "external" / "SHA256SUMS"):
        content = path.read_bytes()
        path.write_bytes(content.replace(b"0", b"1", 1) if path.suffix else b"")
        with pytest.raises(SumsError, match=f"{path}: is not the file that was written"):
            api.open(ran.folder).tables(preset="external")
        path.write_bytes(content)
    methods = run.methods()
    assert "For external validation every completed cell was fitted once on all patients with a label" in methods
    assert "For narrowing, cells were fitted on 10 patients and scored on " in methods
    assert "No data from outside these folds" not in methods and "No external test." not in methods


def test_a_second_start_fits_scores_and_counts_nothing_again(parts, ran):
    again = go(parts / "done", text(parts))
    assert again.computed == 0 and external(again)["uses_before"] == 0
    (ledger,) = (parts / "done" / "store" / "held_out").glob("*.json")
    assert len(json.loads(ledger.read_text())["uses"]) == 1
    before = (again.folder / "external" / "cells.json").read_text()
    more = text(parts).replace("heads: [", "heads: [knn, ")
    grown = go(parts / "done", more)
    assert external(grown)["uses_before"] == 1
    uses = json.loads(ledger.read_text())["uses"]
    assert len(uses) == 2 and len(uses[1]["cells"]) == 4, "only the new cells are a new use"
    assert "The patients of this external test had been scored once before the last of these cells was." in " ".join(
        api.open(grown.folder).tables(preset="external").split()
    )
    assert len(before) < len((grown.folder / "external" / "cells.json").read_text())
    plain = go(parts / "done", text(parts, external=""))
    assert not (plain.folder / "external").exists()


def test_patients_in_both_are_refused_or_left_out(parts, phantom, tmp_path):
    with pytest.raises(KnownPatientError, match=r"10 of 20 patients .* use protocol\.external_known: exclude"):
        go(tmp_path / "a", text(parts, rest=phantom))
    assert not (tmp_path / "a" / "runs" / "outside").exists(), "refused before anything is computed"
    one = patients_of(phantom)[:1]
    twin = cut(phantom, tmp_path / "twin", [*one, *patients_of(parts / "rest")])
    table = pd.read_csv(twin / "radiological_gradings.csv", dtype=str)
    table.loc[table["Patient"] == one[0], "Patient"] = "someone"
    table.to_csv(twin / "radiological_gradings.csv", index=False)
    for path in [*twin.glob(f"images/{one[0]}_*.mha"), *twin.glob(f"masks/{one[0]}_*.mha")]:
        path.rename(path.with_name(path.name.replace(f"{one[0]}_", "someone_")))
    with pytest.raises(
        KnownPatientError,
        match=r"1 of 11 patients .*: 1 has a scan with the pixels .* \(patient someone: a scan of training study \d+\)",
    ):
        go(tmp_path / "b", text(parts, rest=twin))
    only = {"only": {"heads": ["logistic"], "encoders": ["raw_pixels"], "balance": ["none"]}}
    left = go(tmp_path / "b", text(parts, ", external_known: exclude", rest=twin), **only)
    assert external(left)["left_out"] == 1
    assert "they are also in the training data" in (left.folder / "external" / "excluded.csv").read_text()
    outside = api.open(left.folder / "external")
    assert outside.cells["floor"].sum() == 4 and len(outside.cells) == 5, "cells that --only leaves out are not scored"
    assert len(set(outside.predictions(outside.cells["key"][0])["patient"])) == 10


def test_sources_that_count_patients_independently(parts, phantom, tmp_path):
    """Patient 1 of one source is not patient 1 of the other."""
    from data.phantom import write_phantom

    write_phantom(tmp_path / "other", patients=12, seed=77, effect=1.0, spacing=(5.0, 1.8), slices=7)
    only = {"only": {"heads": ["logistic"], "encoders": ["raw_pixels"], "balance": ["none"]}}
    with pytest.raises(KnownPatientError, match=r"\d+ have the id of a training patient.*external_ids: own"):
        go(tmp_path / "a", text(parts, rest=tmp_path / "other"), **only)
    found = go(tmp_path / "a", text(parts, ", external_ids: own", rest=tmp_path / "other"), **only)
    assert external(found)["compared_ids"] is False
    outside = api.open(found.folder / "external")
    assert len(set(outside.predictions(outside.cells["key"][0])["patient"])) == 12
    assert "looked for there by the pixels of their scans; none was found" in api.open(found.folder).methods()


def test_wrong_input_names_the_line_and_the_way_out(parts, tmp_path):
    grid = tmp_path / "grid.yaml"
    where = ["--runs", str(tmp_path / "runs"), "--store", str(tmp_path / "store"), "--device", "cpu"]
    bare = tmp_path / "bare"
    shutil.copytree(parts / "rest", bare)
    wrong = {
        "no such folder": f"external: {{spider: {{folder: {tmp_path / 'nowhere'}}}}}\n",
        "has the sequences t1": f"external: {{spider: {{folder: {bare}, sequences: [t1]}}}}\n",
        "no table of gradings": f"external: {{spider: {{folder: {tmp_path / 'ungraded'}}}}}\n",
        "has no label of narrowing": f"external: {{spider_scans: {{folder: {tmp_path / 'ungraded'}}}}}\n",
    }
    cut(bare, tmp_path / "ungraded", patients_of(bare), gradings=False)
    for message, line in wrong.items():
        grid.write_text(text(parts, external=line.replace("{", "{{").replace("}", "}}")))
        done = CliRunner().invoke(app, ["run", str(grid), *where])
        assert done.exit_code == 2, done.output
        assert message in done.output and "Traceback" not in done.output
    grid.write_text(text(parts, external="external: {{spidr: {{folder: x}}}}\n"))
    done = CliRunner().invoke(app, ["run", str(grid), *where])
    assert done.exit_code == 2 and "external.spidr" in done.output and "did you mean 'spider'" in done.output
