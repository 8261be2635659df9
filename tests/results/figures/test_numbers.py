"""The numbers behind figures equal those of scikit-learn, pandas, published values or a count by hand."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve

from results.figures.confusion_matrix import _counts
from results.figures.cost import apart, front
from results.figures.critical_difference import mean_rank_interval
from results.figures.decision_curves import net_benefit
from results.figures.drawing import curves
from results.figures.drawing.chosen import chosen
from results.figures.drawing.style import text_width, wrapped
from results.figures.missing_rate import rates
from results.figures.reliability import equal_mass, reliability
from results.run_folder import read
from results.statistics.bootstrap import PredictedRows
from results.statistics.decision import decision_curve
from results.tables.presets.calibration import calibration_sheets


@pytest.fixture
def rows():
    """Two repeats of three folds of 60 patients with two rows each, three classes, scores with ties."""
    random = np.random.default_rng(0)
    patient = np.tile(np.repeat(np.arange(60), 2), 2)
    repeat = np.repeat([0, 1], 120)
    fold = np.concatenate([random.permutation(60)[p] % 3 for p in (patient[:120], patient[120:])])
    y = np.tile(random.integers(0, 3, 120), 2)
    P = np.round(random.dirichlet([1, 1, 1], 240) + np.eye(3)[y] * 0.4, 2)
    return PredictedRows(patient, repeat, fold, y, 3), P / P.sum(axis=1, keepdims=True)


def _by_pairs(score, rows, P):
    """The mean over classes and repeats of the mean over folds by pairs."""
    out = []
    for k in range(3):
        for r in (0, 1):
            values, pairs = [], []
            for f in range(3):
                here = (rows.repeat == r) & (rows.fold == f)
                positive = rows.y[here] == k
                values.append(score(positive, P[here, k]))
                pairs.append(positive.sum() * (~positive).sum())
            out.append(np.average(values, weights=pairs))
    return np.mean(out)


def test_area_under_the_mean_roc_curve_is_the_fold_wise_auc(rows):
    curve = curves.mean_curve("roc", *rows, [0, 1, 2], np.empty((0, 60)))
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(_by_pairs(roc_auc_score, *rows), abs=0.004)
    assert np.isnan(curve.low).all()


def test_area_under_the_mean_precision_curve_is_the_fold_wise_average_precision(rows):
    curve = curves.mean_curve("precision_recall", *rows, [0, 1, 2], np.empty((0, 60)))
    assert curve.y[1:].mean() == pytest.approx(_by_pairs(average_precision_score, *rows), abs=0.006)


def test_curves_of_counted_rows_are_those_of_scikit_learn_on_copied_rows():
    random = np.random.default_rng(1)
    positive = random.random(50) < 0.4
    score = np.round(positive * 0.3 + random.random(50), 1)
    weight = random.integers(0, 4, (3, 50)).astype(float)
    x = np.linspace(0, 1, 37)
    tpr = curves.roc_points(positive, score, weight, x)
    precision = curves.precision_points(positive, score, weight, x)
    for b in range(3):
        copied = np.repeat(np.arange(50), weight[b].astype(int))
        fpr_there, tpr_there, _ = roc_curve(positive[copied], score[copied], drop_intermediate=False)
        assert_allclose(tpr[b, 1:], np.interp(x, fpr_there, tpr_there)[1:])
        precisions, recalls, _ = precision_recall_curve(positive[copied], score[copied])
        wanted = [precisions[:-1][recalls[:-1] >= r - 1e-9][-1] for r in x[1:]]
        assert_allclose(precision[b, 1:], wanted)


def test_bands_hold_the_curve_and_narrow_with_patients():
    widths = []
    for n in (40, 400):
        random = np.random.default_rng(n)
        y = random.integers(0, 2, n)
        p = 1 / (1 + np.exp(-y - random.normal(size=n)))
        some = PredictedRows(np.arange(n), np.zeros(n, int), np.zeros(n, int), y, 2)
        counts = random.multinomial(n, np.full(n, 1 / n), size=300).astype(float)
        curve = curves.mean_curve("roc", some, np.stack([1 - p, p], axis=1), [1], counts)
        inner = (curve.x > 0.05) & (curve.x < 0.95)
        assert (curve.low[inner] <= curve.y[inner]).all() and (curve.y[inner] <= curve.high[inner]).all()
        widths.append((curve.high - curve.low).mean())
    # Standard errors shrink with the root of the number of patients: a tenth more patients, a third of the width.
    assert widths[1] / widths[0] == pytest.approx(1 / np.sqrt(10), abs=0.12)


@pytest.fixture
def repeated(new_run):
    """A run of two repeats whose probabilities differ."""
    writer = new_run(n_patients=50, repeats=2)
    writer.add(writer.signal + writer.random.normal(size=150), heads="svc")
    path = writer.folder / "cells" / "cell0.parquet"
    frame = pd.read_parquet(path)
    again = frame["repeat"] == 1
    frame.loc[again, "p_1"] = 0.7 * frame.loc[again, "p_1"] + writer.random.uniform(0, 0.3, again.sum())
    frame.assign(p_0=1 - frame["p_1"]).to_parquet(path, index=False)
    return read(writer.finish())


def test_reliability_bins_are_those_of_pandas_in_each_repeat(repeated):
    choice = chosen(repeated, "narrowing")
    found = choice.bootstrap(choice.cells, resamples=50, seed=0)
    key = choice.cells[0]["key"]
    bins = equal_mass(found, key, 1)
    frame = pd.DataFrame({"p": found.P[key][:, 1], "y": found.rows[key].y, "repeat": found.rows[key].repeat})
    frame["bin"] = frame.groupby("repeat")["p"].transform(lambda p: pd.qcut(p, 10, labels=False))
    assert_allclose(bins.predicted, frame.groupby("bin")["p"].mean())
    assert_allclose(bins.observed, frame.groupby("bin")["y"].mean())
    errors = []
    for curve, (_, own) in zip(bins.each, frame.groupby("repeat"), strict=True):
        means = own.groupby("bin")[["p", "y"]].mean()
        assert_allclose([curve.predicted, curve.observed], means.to_numpy().T)
        errors.append((means["p"] - means["y"]).abs().mean())
    assert bins.error == pytest.approx(np.mean(errors))
    assert (bins.low <= bins.observed).all() and (bins.observed <= bins.high).all()


def test_a_cell_has_one_calibration_error_in_the_figure_and_in_the_table(repeated):
    sheet = calibration_sheets(repeated, resamples=0)[0]
    table = sheet.rows[0].scores[sheet.headers.index("ECE")].text()
    figure = reliability(repeated, "narrowing", resamples=0)
    assert table.split()[0] in figure.axes[0].get_title(loc="left")
    assert f"class 1: {table.split()[0]}" in figure.caption


def test_confusion_counts_are_the_mean_over_repeats(new_run):
    writer = new_run(n_classes=3, repeats=2)
    writer.add(writer.signal + writer.random.normal(size=120), heads="svc")
    choice = chosen(read(writer.finish()), "narrowing")
    p = choice.predictions(choice.cells[0])
    predicted = p.P.argmax(axis=1)
    wanted = sum(confusion_matrix(p.y[p.repeat == r], predicted[p.repeat == r], labels=range(3)) for r in (0, 1)) / 2
    assert_allclose(_counts(choice, choice.cells[0]), wanted)


def test_mean_rank_intervals_of_one_target_are_those_of_its_ranks():
    draws = np.random.default_rng(0).normal(size=(1, 500, 4)) + np.arange(4)
    ranks = [pd.Series(-draw).rank() for draw in draws[0]]
    assert_allclose(mean_rank_interval(draws), np.quantile(ranks, [0.025, 0.975], axis=0))


def test_mean_ranks_are_averaged_within_a_draw():
    """Two targets that rank two cells in opposite ways have a mean rank of 1.5 in every draw."""
    one = np.array([[0.9, 0.1], [0.8, 0.3], [0.1, 0.7], [np.nan, 0.5]])
    assert_allclose(mean_rank_interval(np.stack([one, one[:, ::-1]])), np.full((2, 2), 1.5))
    assert np.isnan(mean_rank_interval(np.full((2, 3, 2), np.nan))).all()


def test_net_benefit_in_draws_is_that_of_copied_rows(rows):
    some, P = rows
    counts = np.random.default_rng(3).multinomial(60, np.full(60, 1 / 60), size=40).astype(float)
    found = net_benefit(some, P, 2, counts)
    copied = [np.repeat(np.arange(len(P)), draw[some.patient].astype(int)) for draw in counts]
    curves_of = [decision_curve(some.y[c] == 2, P[c, 2]) for c in copied]
    drawn = np.array([curve.model for curve in curves_of])
    assert_allclose(found.value, decision_curve(some.y == 2, P[:, 2]).model)
    assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975], axis=0), atol=1e-12)
    gain = drawn - [np.maximum(curve.treat_all, curve.treat_none) for curve in curves_of]
    assert_allclose(found.gain_low, np.quantile(gain, 0.025, axis=0), atol=1e-12)
    assert np.isnan(net_benefit(some, P, 2, np.empty((0, 60))).low).all()


def test_words_are_broken_where_they_are_too_long():
    assert wrapped("a net(weights=random, size=2)", 1000) == "a net(weights=random, size=2)"
    lines = wrapped("grayscale, medicalnet(weights=random, project_by=random)", 25).split("\n")
    assert max(map(text_width, lines)) <= 25
    assert "".join(lines).replace(" ", "") == "grayscale,medicalnet(weights=random,project_by=random)"


def test_cost_front_drops_what_a_cheaper_cell_reaches():
    cells = [{"seconds": s, "auc": a} for s, a in ((3, 0.7), (1, 0.6), (2, 0.6), (1, 0.5), (4, 0.8))]
    assert [(c["seconds"], c["auc"]) for c in front(cells)] == [(1, 0.6), (3, 0.7), (4, 0.8)]


def test_labels_of_ticks_do_not_touch_and_both_ends_have_one():
    at, room = [0.04, 0.05, 0.06, 0.08], 12.0
    assert apart(at, 0.04, 0.08, 200.0) == ["0.04", "0.05", "0.06", "0.08"]
    words = apart(at, 0.04, 0.08, room)
    assert words[0] == "0.04" and words[-1] == "0.08"
    places = [room * np.log2(float(word) / 0.04) for word in words if word]
    assert min(np.diff(places)) > text_width("0.04") > room * np.log2(1.25)


@pytest.mark.parametrize(
    ("drop", "wanted"), [("none", {}), ("t2=0.3", {"t2": 0.3}), ("t1=0, t2=0.6", {"t1": 0.0, "t2": 0.6})]
)
def test_rates_of_a_drop(drop, wanted):
    assert rates(drop) == wanted
