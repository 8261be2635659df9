"""How classes are called in a real run: thresholds, weights of classes, and recalibrated scores."""

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from results.run_folder import read


def test_a_threshold_of_inner_folds_and_recalibrated_scores_are_in_the_predictions(small, go):
    def predictions(settings, runs):
        run = read(go(small, settings, runs=runs).folder)
        return {(cell.axes["balance"], cell.axes["heads"]): run.predictions(cell) for cell in run.cells}

    settings = ["images=[grayscale]", "heads=[prior, logistic]"]
    usual = predictions(settings, "usual")
    sensitive = predictions([*settings, "protocol.threshold=sensitivity=.9"], "sensitive")
    for place, p in sensitive.items():
        assert (p.recalibrated is not None) == (place == ("smote", "logistic"))
        assert_array_equal(p.P, usual[place].P)
        assert usual[place].called is None and (p.called is None) == (place[1] == "prior")
        if place[1] == "logistic":
            assert 0.8 <= (p.called[p.y == 1] == 1).mean() <= 1
            assert (p.called > p.P.argmax(axis=1)).any()


def test_weights_of_three_classes_see_no_test_row(small, phantom_copy, tmp_path, go):
    """Other labels of the test patients of a fold change no called class in it."""
    patients = sorted(path.name.split("_")[0] for path in (phantom_copy / "images").glob("*_t2.mha"))
    folds = pd.DataFrame({"patient": patients, "fold": [i % 3 for i in range(len(patients))]})
    folds.to_csv(tmp_path / "folds.csv", index=False)
    settings = [
        "targets=[pfirrmann: {merge: {1: 2, 5: 4}}]",
        "images=[grayscale]",
        "balance=[none]",
        "heads=[logistic]",
    ]
    settings += [f"protocol.split={tmp_path / 'folds.csv'}", "protocol.stratify=null", "protocol.threshold=f1"]
    text = small.split("data:")[0] + f"data: {{spider: {{folder: {phantom_copy}}}}}\n" + small.split("}}\n", 1)[1]

    def called(runs):
        run = read(go(text, settings, runs=runs).folder)
        (cell,) = (cell for cell in run.cells if cell.head == "logistic")
        return run.predictions(cell)

    before = called("before")
    assert before.P.shape[1] == 3 and (before.called != before.P.argmax(axis=1)).any()
    table = pd.read_csv(phantom_copy / "radiological_gradings.csv")
    mine = table["Patient"].astype(str).isin(folds.loc[folds["fold"] == 0, "patient"])
    grades = table.loc[mine, "Pfirrman grade"].to_numpy()
    table.loc[mine, "Pfirrman grade"] = np.random.default_rng(0).permutation(grades)
    table.to_csv(phantom_copy / "radiological_gradings.csv", index=False)
    after = called("after")
    assert_array_equal(before.sample, after.sample)
    tested = before.fold == 0
    assert (before.y != after.y)[tested].any()
    assert_array_equal(before.called[tested], after.called[tested])
    assert (before.called != after.called)[~tested].any()  # the other folds learn from these patients
