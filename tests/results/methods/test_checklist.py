"""The checklist: its form, its numbers against counts made here, and what is left to the authors."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from results.methods.checklist import checklist
from results.run_folder import read
from results.scores.scores import scores

AUTHORS = "only the authors can say"


def complete(run, *, changed="0"):
    """Writes the other files of a run folder."""
    official = run.about["protocol"].get("split") == "official"
    rows = [
        (f"p{i:02d}", repeat, (0 if fold == 3 else -1) if official else fold)
        for repeat, folds in enumerate(run.fold)
        for i, fold in enumerate(folds)
    ]
    pd.DataFrame(rows, columns=["patient", "repeat", "fold"]).to_csv(run.folder / "folds.csv", index=False)
    pd.DataFrame(columns=["file", "sample", "sequence", "reason"]).to_csv(run.folder / "excluded.csv", index=False)
    session = {"versions": {"python": "3.12.1", "numpy": "2.1.0"}, "code": {"commit": "abc", "changed_files": changed}}
    (run.folder / "provenance.json").write_text(json.dumps([session]))
    return read(run.finish())


def items(text):
    """For each item: the number in TRIPOD+AI, whether CLAIM has it, its words and the answer."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| TRIPOD")]
    return [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def answer(text, asked):
    return next(found for _, _, item, found in items(text) if item.startswith(asked))


@pytest.fixture
def run(new_run):
    writer = new_run()
    writer.add_grid(
        sequences=["t2"],
        regions=["whole"],
        images=["grayscale"],
        encoders=["resnet50", "raw_pixels"],
        heads=["logistic", "svc"],
    )
    writer.add_floors(sequences="t2")
    return complete(writer)


def test_every_main_item_of_tripod_ai_is_there(run):
    found = items(checklist(run))
    assert all(len(item) == 4 and all(item) for item in found)
    numbers = {int(re.match(r"\d+", number)[0]) for number, *_ in found if number != "-"}
    assert numbers == set(range(1, 28))
    assert all(number != "-" or claim == "yes" for number, claim, *_ in found)
    named = {number for number, *_ in found}
    assert {f"12{letter}" for letter in "abcdefg"} | {"20a", "20b", "20c", "23a", "23b", "9a", "9b", "9c"} <= named


def test_answers_hold_the_numbers_of_the_run(run):
    text = checklist(run)
    assert answer(text, "size of the study").startswith("120 samples of 40 patients.")
    assert "(0: 60, 1: 60;" in answer(text, "patients and events")
    assert "NumPy 2.1.0" in answer(text, "software with versions")
    assert "[@" not in text
    assert answer(text, "failures").startswith("Of 6 cells: 6 done.")
    assert "`resnet50`" in answer(text, "start of its weights")


def test_performance_is_the_highest_auc_with_its_interval(run):
    assert AUTHORS in answer(checklist(run), "performance with intervals")
    table = scores(run, ["auc"], resamples=100)
    cells = table[~table["floor"]]
    top = cells.loc[cells["auc"].idxmax()]
    location = table.loc[table["heads"] == "location", "auc"].item()
    found = answer(checklist(run), "performance with intervals")
    assert found == (
        f"narrowing: AUC {top['auc']:.2f} [{top['auc_low']:.2f}, {top['auc_high']:.2f}], the highest of 4 cells; "
        f"`location` {location:.2f}."
    )


def test_cells_that_share_the_highest_auc_are_counted(new_run):
    writer = new_run()
    for head in ("svc", "knn", "mlp"):
        writer.add(writer.random.normal(size=len(writer.y)) if head == "mlp" else 10.0 * writer.y, heads=head)
    run = complete(writer)
    scores(run, ["auc"], resamples=50)
    assert re.search(r"AUC 1\.00 \[0\.\d+, 1\.00\], the highest of 3 cells, which 2 of them have", checklist(run))


def test_location_is_that_of_the_same_sequences(new_run):
    writer = new_run()
    writer.add(writer.signal, sequences="t1", heads="svc")
    writer.add(-1.0 * writer.level, sequences="t2", heads="location", floor=True)
    writer.add(1.0 * writer.level, sequences="t1", heads="location", floor=True)
    run = complete(writer)
    of_t1 = scores(run, ["auc"], resamples=20)["auc"][2]
    assert f"the one cell; `location` {of_t1:.2f}." in answer(checklist(run), "performance with intervals")


def test_limits_are_those_of_the_run(new_run):
    writer = new_run(n_patients=15, patients_known=False, dataset="spider (phantom)")
    writer.add(writer.signal, encoders="resnet50(weights=random)", heads="svc")
    found = answer(checklist(complete(writer, changed="3")), "limits")
    for words in (
        "phantom",
        "No external test",
        "Patients are unknown",
        "fewer than 20",
        "permuted",
        "random",
        "commit",
    ):
        assert words in found


def test_an_official_split_has_no_such_limit(new_run):
    writer = new_run(protocol={"split": "official", "validation": False, "seed": 0, "folds": 1, "repeats": 1})
    key = writer.add(writer.signal, rows=writer.fold[0][writer.of_patient] == 3, heads="svc")
    writer.add_null(key, np.random.default_rng(0).normal(size=(2, len(writer.y))))
    text = checklist(complete(writer))
    assert "No external test" not in answer(text, "limits")
    assert "official test part was predicted once" in answer(text, "external test")
    assert "1 cell was run again 2 times" in answer(text, "uncertainty")


def test_failures_and_limits_count_the_collapsed_trainings(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc", encoders="cae_2d")
    for fold, spread in enumerate((0.05, 0.1, 0.8)):
        rating = {"channel": "intensity", "spread": spread, "rmse": 0.06, "rmse_mean": 0.16}
        writer.leave("encoder", ["cae_2d(size=32)", "t1"], fold, cells=["cell0"], reconstruction=pd.DataFrame([rating]))
    text = checklist(complete(writer))
    assert "2 of 3 trainings of `cae_2d` collapsed" in answer(text, "failures")
    assert "2 of 3 trainings of `cae_2d` collapsed" in answer(text, "limits")


def test_what_only_the_authors_know_is_left_to_them(run):
    text = checklist(run)
    for asked in ("approval", "who graded", "funding", "dates of acquisition", "interpretation"):
        assert answer(text, asked) == AUTHORS
    filled = sum(found.rstrip(".") != AUTHORS for *_, found in items(text))
    assert f"The run answers {filled} of {len(items(text))} items" in text


def test_a_bar_in_a_name_does_not_break_the_table(new_run):
    writer = new_run(dataset="image_table (a|b.csv)")
    writer.add(writer.signal, heads="svc", classes=["no|little", "yes"])
    assert all(len(item) == 4 for item in items(checklist(complete(writer))))
