"""Two stages against the same two models of scikit-learn, fitted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from bench import plugins
from heads.base import InnerRefits
from heads.cascade import Cascade
from heads.logistic import Logistic
from heads.svc import Svc
from preprocessing.balance.class_weight import ClassWeight


def by_hand(training, test, C=0.01, class_weight=None):
    """P(degenerate), then the severity of those that are."""
    degenerate = training.y > 0
    first = LogisticRegression(C=C, tol=1e-6, max_iter=2000, class_weight=class_weight).fit(training.X, degenerate)
    second = LogisticRegression(C=C, tol=1e-6, max_iter=2000, class_weight=class_weight)
    second.fit(training.X[degenerate], training.y[degenerate])
    d = first.predict_proba(test)[:, 1:]
    return np.column_stack([1 - d, d * second.predict_proba(test)])


@pytest.mark.parametrize("classes", [3, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_is_both_logistic_regressions_of_scikit_learn(problem, classes, weighted):
    rates = [0.6, 0.2, 0.1, 0.1] if classes == 4 else [0.7, 0.2, 0.1]
    training, test, _ = problem(n=300, classes=classes, rates=rates, balance=ClassWeight() if weighted else None)
    p = Cascade().fit(training, seed=0).predict_proba(test)
    expected = by_hand(training, test, class_weight="balanced" if weighted else None)
    assert_allclose(p, expected, atol=2e-3)


def test_weights_are_those_of_the_classes_of_each_stage(problem):
    training, _, _ = problem(n=300, classes=3, rates=[0.7, 0.2, 0.1], balance=ClassWeight())
    rows = np.flatnonzero(training.y > 0)
    stage = training.take(rows, training.y[rows] - 1, 2)
    weights = stage.whole().class_weights(stage.labels)[stage.labels]
    assert_allclose(weights, compute_sample_weight("balanced", training.y[rows]))


@pytest.mark.parametrize("head", ["logistic", {"svc": {"C": 3.0}}])
def test_two_classes_are_the_head_itself(problem, head):
    training, test, _ = problem()
    itself = Logistic() if head == "logistic" else Svc(C=3.0)
    expected = itself.fit(training, seed=0).predict_proba(test)
    assert_array_equal(Cascade(head=head).fit(training, seed=0).predict_proba(test), expected)


def test_each_stage_is_balanced_and_calibrated_by_patient_on_its_own_rows(problem, recording_sampler):
    training, _, _ = problem(n=300, classes=3, balance=recording_sampler)
    Cascade(calibration="sigmoid").fit(training, seed=0)
    rows = [np.isin(training.X[:, 0], X[:, 0]) for X, _ in recording_sampler.seen]
    assert len(rows) == 8  # three inner folds and the final fit, twice
    assert rows[3].all() and [set(y) for _, y in recording_sampler.seen] == [{0, 1}] * 8
    assert_array_equal(rows[7], training.y > 0)
    for fitted, usable in zip(rows, [np.ones(300, dtype=bool)] * 4 + [training.y > 0] * 4, strict=True):
        assert not set(training.groups[fitted]) & set(training.groups[usable & ~fitted])


def test_tunes_each_stage_by_itself(problem):
    training, _, _ = problem(n=300, classes=3)
    chosen = Cascade(tune={"C": [1e-3, 1.0]}).fit(training, seed=0).chosen
    degenerate = np.flatnonzero(training.y > 0)
    tuned = Logistic(tune={"C": [1e-3, 1.0]})
    first = tuned.fit(training.take(np.arange(300), (training.y > 0).astype(int), 2), seed=0).chosen["C"]
    second = tuned.fit(training.take(degenerate, training.y[degenerate] - 1, 2), seed=0).chosen["C"]
    assert chosen == {"C of degenerate": first, "C of severity": second}


@pytest.mark.parametrize(("absent", "kept"), [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])])
def test_a_class_that_training_lacks(problem, absent, kept):
    training, test, _ = problem(n=300, classes=3)
    rows = np.flatnonzero(training.y != absent)
    p = Cascade().fit(training.take(rows, training.y[rows], 3), seed=0).predict_proba(test)
    expected = LogisticRegression(C=0.01, tol=1e-6).fit(training.X[rows], training.y[rows]).predict_proba(test)
    assert_allclose(p[:, kept], expected, atol=2e-3)
    assert_array_equal(p[:, absent], 0)


def test_stages_take_their_share_of_the_refits(problem):
    training, test, _ = problem(n=300, classes=3)
    fold_of = np.arange(300) // 5 % 3
    refits = InnerRefits(fold_of, tuple(training.X + i for i in range(3)))
    degenerate = np.flatnonzero(training.y > 0)
    stage = replace(training, refits=refits).take(degenerate, training.y[degenerate] - 1, 2)
    for i, (part, held) in enumerate(stage.folds()):
        assert_array_equal(held, np.flatnonzero(fold_of[degenerate] == i))
        assert_array_equal(part.training.X, refits.X[i][degenerate])
    fitted = Cascade().fit(replace(training, refits=refits), seed=0)
    assert fitted.classifier.first.calibrator is not None and fitted.classifier.second.calibrator is not None
    assert fitted.predict_proba(test).shape == (300, 3)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("logistics", "cascade: no head 'logistics': did you mean 'logistic'?"),
        ("base", "cascade: no head 'base'"),
        ({"svc": {"c": 1}}, "cascade: svc has no field 'c': use one of calibration, tune, kernel, C, gamma"),
        ("location", "cascade: location does not read the embedding: use a head that does, such as logistic"),
        ({"svc": {"C": [1, 2]}}, "cascade: C of svc takes one value, not [1, 2]: write a cascade for each"),
        (["svc"], "cascade: head (['svc']) must be a name or {name: {field: value}}"),
    ],
)
def test_a_head_that_cannot_be_used_is_refused_with_the_reason(problem, head, reason):
    training, _, _ = problem(classes=3)
    assert Cascade(head=head).refuses(None).startswith(reason)
    with pytest.raises(ValueError, match="cascade"):
        Cascade(head=head).fit(training, seed=0)


def test_runs_where_its_head_runs_and_takes_what_its_head_takes():
    assert (Cascade().lane, Cascade(head="mlp").lane) == ("cpu", "torch")
    assert (Cascade().weighted, Cascade(head="knn").weighted) == (True, False)
    assert Cascade(head="knn").refuses(ClassWeight()).startswith("knn takes no sample weights")
    assert Cascade(head={"cascade": {"head": "svc"}}).nested() == (Cascade(head="svc"), Svc())
    assert Cascade(head="svc").memory(1000, 10) == Svc().memory(1000, 10)


def test_finds_a_head_in_a_folder_that_a_user_added(problem, tmp_path, monkeypatch):
    import heads

    monkeypatch.setattr(heads, "__path__", list(heads.__path__))
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "strong_logistic.py").write_text(
        "from dataclasses import dataclass\n\nfrom heads.logistic import Logistic\n\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass StrongLogistic(Logistic):\n    C: float = 5.0\n"
    )
    plugins.add_folder(tmp_path)
    training, test, _ = problem(n=300, classes=3)
    p = Cascade(head="strong_logistic").fit(training, seed=0).predict_proba(test)
    assert_allclose(p, by_hand(training, test, C=5.0), atol=5e-3)
