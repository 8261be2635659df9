"""A model that can't be fitted or opened gives one clear line."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from bench.models.model import ModelError, read_model
from data.files.sums import write_sums
from run_benchmark import app
from tests.bench.models.spines import GRID


def test_the_commands_print_what_is_wrong_and_end_with_2(fitted, go, spines, tmp_path):
    model = fitted()
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("no scan")
    wrong = {
        "is no model": [str(tmp_path), str(text)],
        "DICOM": [str(model), str(text)],
        "no such": [str(model), str(tmp_path / "nowhere")],
        "use one of auto, cpu, cuda": [str(model), str(text), "--device", "tpu"],
    }
    for message, arguments in wrong.items():
        outcome = CliRunner().invoke(app, ["diagnose", *arguments])
        assert outcome.exit_code == 2, message
        assert message in outcome.output
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
    for message, arguments in {
        "exists: name a new folder": [str(run), "--cell", "1", "--out", str(model), *store],
        "is no cell of": [str(run), "--cell", "zz", "--out", str(tmp_path / "new"), *store],
        "is no run folder": [str(text), "--cell", "zz", "--out", str(tmp_path / "new"), *store],
    }.items():
        outcome = CliRunner().invoke(app, ["fit", *arguments])
        assert outcome.exit_code == 2, outcome.output
        assert message in outcome.output
    done = (run / "cells.json").read_text()
    cells = json.loads(done)
    (one,) = [cell for cell in cells if not cell["floor"]]
    one |= {"status": "failed", "reason": "ValueError: no memory"}
    (run / "cells.json").write_text(json.dumps(cells))
    (run / "SHA256SUMS").unlink()  # otherwise the edit itself is named
    arguments = ["fit", str(run), "--cell", one["key"], "--out", str(tmp_path / "new"), *store]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert "is failed in" in outcome.output
    assert "no memory" in outcome.output
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written_is_refused_before_a_study_is_read(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    nothing = [str(tmp_path / "no_model"), str(tmp_path)]
    for message, options in {
        "is a file: name a folder": ["--out", str(file)],
        f"{file} is a file": ["--out", str(file / "inner" / "folder")],
        "in a folder that exists": ["--keep-names", "--submission", str(tmp_path / "no" / "s.csv")],
        "give --keep-names too": ["--submission", str(tmp_path / "s.csv")],
    }.items():
        outcome = CliRunner().invoke(app, ["diagnose", *nothing, *options])
        assert outcome.exit_code == 2, message
        assert message in outcome.output


def test_a_broken_model_gives_an_error_of_one_line(fitted, tmp_path):
    model = fitted("own", "attention: {epochs: 2}")
    read_model(model, device="cpu")

    def cut(folder):
        path = next(folder.rglob("*.safetensors"))
        path.write_bytes(path.read_bytes()[:-20])

    def cell_with(**changed):
        def change(folder):
            about = json.loads((folder / "model.json").read_text())
            about["cells"][0] |= changed
            (folder / "model.json").write_text(json.dumps(about))

        return change

    def wider(folder):
        about = json.loads((folder / "model.json").read_text())
        about["cells"][0]["steps"]["fusion"][0]["fields"]["hidden"] = 3
        (folder / "model.json").write_text(json.dumps(about))

    def another(folder):
        shutil.copy(folder / "chain_spinal_canal_stenosis_pixels.skops", folder / "chain_spinal_canal_stenosis.skops")

    breaks = [
        lambda folder: (folder / "model.json").write_text("[]"),
        lambda folder: (folder / "model.json").write_text("{"),
        lambda folder: (folder / "facts.json").write_text("{"),
        lambda folder: (folder / "facts.json").write_text("[]"),
        lambda folder: (folder / "chain_spinal_canal_stenosis.skops").write_bytes(b"PK123"),
        cut,
        wider,
        another,
        cell_with(classes=["0", "0", "0"]),
        cell_with(steps=3),
        cell_with(chain="../outside.skops"),
        cell_with(chain=str(tmp_path / "outside.skops")),
        cell_with(fusions=["../../etc"]),
    ]
    shutil.copy(model / "chain_spinal_canal_stenosis.skops", tmp_path / "outside.skops")
    for i, change in enumerate(breaks):
        broken = tmp_path / f"broken_{i}"
        shutil.copytree(model, broken)
        change(broken)
        with pytest.raises(ModelError, match=r"can't be read|facts|is not the file that was|valid dict|must differ"):
            read_model(broken, device="cpu")
        write_sums(broken)  # as one would who means harm
        with pytest.raises(ModelError) as caught:
            read_model(broken, device="cpu")
        assert str(caught.value).count("\n") == 0, i
        if change is another:
            assert "chain_spinal_canal_stenosis.skops: is of another model" in str(caught.value)
        if i >= 10:
            assert "is not in this folder" in str(caught.value)


def test_a_model_of_other_code_or_versions_warns(fitted, spines, tmp_path):
    model = fitted()
    assert read_model(model, device="cpu").warnings == ()
    about = json.loads((model / "model.json").read_text())
    about["cells"][0]["steps"]["heads"][0]["code"] = "other"
    about["versions"]["scikit-learn"] = "0.1.2"
    (model / "model.json").write_text(json.dumps(about))
    write_sums(model)
    versions, code = read_model(model, device="cpu").warnings
    assert "the model was fitted with 0.1.2" in versions
    assert code.startswith("heads/logistic is not the code")
    study = next((spines / "train_images").iterdir())
    outcome = CliRunner().invoke(app, ["diagnose", str(model), str(study), "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 0, outcome.output
    assert code in outcome.stderr


def test_a_field_that_a_model_cannot_keep_is_refused(fitted, monkeypatch):
    from bench.models import keep as writer

    monkeypatch.setattr(writer, "_is_plain", lambda value: not isinstance(value, int))
    with pytest.raises(ModelError, match=r"its field .* is no plain value"):
        fitted()


def test_a_cell_at_annotated_points_is_refused(fitted):
    with pytest.raises(ModelError, match="needs annotated points, which a new study does not have"):
        fitted(region="point: {slices: 1}")
