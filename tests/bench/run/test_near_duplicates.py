"""Near-duplicates under two patients: refused, kept in one fold, listed, drawn; and none where there is none."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.grid.file import read_grid
from bench.plan.guards import GuardError
from bench.plan.plan import Plan
from bench.run.progress import Progress
from bench.tasks import looks
from bench.tasks.reading import make_crops
from bench.tasks.store import Store
from data.phantom import LAYOUTS
from results.figures.near_duplicates import near_duplicates
from results.report.page import write_report
from results.run_folder import read
from results.tables.main import table as table_of
from tests.copying import CHANGES

GRID = """
name: twins
data: {{image_table: {{table: {table}, labels: [lesion]}}}}
targets: [lesion]
sequences: [image]
images: [grayscale]
encoders: [raw_pixels: {{size: 8}}]
heads: [logistic]
protocol: {{folds: 3, repeats: 2}}
"""
COPIES = {"half the size": "p00", "JPEG, quality 75": "p03", "padded with black": "p07"}


@pytest.fixture
def table(tmp_path):
    """Writes 24 pictures of 24 patients, with copies of some under other patients; gives the grid."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(24):
        coarse = Image.fromarray(random.integers(0, 255, (12, 12)).astype(np.uint8))
        picture = np.asarray(coarse.resize((48, 48), Image.Resampling.BICUBIC), dtype=np.float64)
        picture = np.clip(picture + random.normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
        rows.append((f"p{i:02}", picture, "train" if i < 16 else "test"))

    def write(copies=COPIES, split=None):
        by_patient = {patient: picture for patient, picture, _ in rows}
        every = [*rows, *((f"copy of {p}", CHANGES[change](by_patient[p]), split) for change, p in copies.items())]
        for name, picture, _ in every:
            Image.fromarray(picture).save(tmp_path / f"{name}.png")
        content = [(f"{name}.png", name, i % 2, part) for i, (name, _, part) in enumerate(every)]
        frame = pd.DataFrame(content, columns=["image", "patient", "lesion", "split"])
        (frame if split else frame.drop(columns="split")).to_csv(tmp_path / "scans.csv", index=False)
        return GRID.format(table=tmp_path / "scans.csv")

    return write


def test_copies_are_refused_and_shown(table, go, tmp_path):
    with pytest.raises(GuardError, match=r"3 scans are copies .*p00 image.*near_duplicates: group to keep such patie"):
        go(table())
    listed = pd.read_csv(tmp_path / "runs" / "twins" / "near_duplicates.csv").set_index("patient")
    assert dict(listed["other_patient"]) == {f"copy of {patient}": patient for patient in COPIES.values()}
    assert listed.loc["copy of p00", "change"] == "another size"
    shown = [np.asarray(Image.open(tmp_path / "runs" / "twins" / name)) for name in listed["picture"]]
    assert all(one.ndim == 2 and one.shape[1] > 2 * 40 for one in shown)


def test_a_group_is_in_one_fold_of_every_repeat(table, go):
    outcome = go(table(), ["protocol.near_duplicates=group"])
    folds = pd.read_csv(outcome.folder / "folds.csv").set_index(["repeat", "patient"])["fold"]
    assert len(folds) == 2 * 27
    for patient in COPIES.values():
        assert (folds.xs(patient, level=1) == folds.xs(f"copy of {patient}", level=1)).all()
    text = (write_report(read(outcome.folder), outcome.folder)).read_text()
    assert "on one side, or one left out: 3" in text
    assert go(table(), ["protocol.near_duplicates=group"]).computed == 0


def test_allowed_pairs_are_noted_and_drawn(table, go):
    outcome = go(table(), ["protocol.near_duplicates=allow"])
    run = read(outcome.folder)
    figure = near_duplicates(run)
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes if axes.get_title()]
    assert len(titles) == 3 and any("another size" in title for title in titles)
    assert "3 scans are copies of another patient's and may be tested on it" in " ".join(table_of(run).split())
    text = (write_report(run, outcome.folder)).read_text()
    assert "parted pairs: 3" in text


def test_pairs_that_were_not_compared_are_told_also_by_a_start_that_finds_all_done(table, go, monkeypatch):
    monkeypatch.setattr(looks, "_COMPARED", 2 - 27)
    for _ in range(2):
        outcome = go(table(), ["protocol.near_duplicates=allow"])
        (note,) = [one for one in outcome.notes if "look alike" in one]
        every, compared, left = map(int, re.findall(r"\d+", note))
        assert compared == 2 and every - left == 2 and every >= 3
        assert note in json.loads((outcome.folder / "run.json").read_text())["notes"]["reading"]
        assert note.replace("'", "&#39;") in write_report(read(outcome.folder), outcome.folder).read_text()


def test_an_official_split_matters_where_copies_cross_it(table, go):
    official = ["protocol.split=official", "protocol.folds=2"]
    inside = go(table(copies={"mirrored": "p00", "the same pixels": "p03"}, split="train"), official)
    assert len(inside.excluded) == 0
    assert any(note.startswith("2 pairs of patients have copies of one scan on the same side") for note in inside.notes)
    text = table(copies={"mirrored": "p00", "the same pixels": "p03"}, split="test")
    with pytest.raises(GuardError, match=r"1 image belongs to two patients whom the split parts .*copy of p03"):
        go(text, official)
    with pytest.raises(GuardError, match=r"1 scan is a copy .*mirrored.* group to leave out the one that trains"):
        go(text, [*official, "protocol.identical_images=exclude"])
    outcome = go(text, [*official, "protocol.identical_images=exclude", "protocol.near_duplicates=group"])
    assert set(outcome.excluded["sample"]) == {"p00", "p03"}
    cell = next(c for c in json.loads((outcome.folder / "cells.json").read_text()) if not c["floor"])
    tested = pd.read_parquet(outcome.folder / "cells" / f"{cell['key']}.parquet")["patient"]
    assert {"copy of p00", "copy of p03"} <= set(tested)


def test_no_phantom_is_a_copy_of_another(phantom, rsna_phantom, oai_phantom, tmp_path):
    LAYOUTS["lesions"](tmp_path / "lesions", patients=6)
    lesions = f"image_table: {{table: {tmp_path / 'lesions' / 'labels.csv'}, locations: [level], labels: [lesion]}}"
    sets = {
        f"spider: {{folder: {phantom}}}": ("narrowing", "t1, t2"),
        f"rsna: {{folder: {rsna_phantom}}}": ("spinal_canal_stenosis", "sagittal_t1, sagittal_t2, axial_t2"),
        f"oai: {{folder: {oai_phantom}}}": ("oa", "dess"),
        lesions: ("lesion", "t1, t2"),
    }
    for data, (target, sequences) in sets.items():
        text = f"data: {{{data}}}\ntargets: [{target}]\nsequences: [{sequences}]\n"
        (tmp_path / "grid.yaml").write_text(text + "encoders: [raw_pixels]\nheads: [logistic]\nprotocol: {folds: 2}\n")
        store = Store(tmp_path / "store")
        plan = Plan(read_grid(tmp_path / "grid.yaml"), store)
        make_crops(plan, store, jobs=2, progress=Progress(live=False, show=lambda line: None), compared=True)
        assert plan.near_duplicates() == []
        assert plan.check_images().empty
