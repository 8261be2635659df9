"""What all heads share: tuning, inner splits, weights, refusals, and the same bits from any thread."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from bench.plugins import find, load
from heads.base import Head, TrainingSet
from heads.knn import Knn
from heads.lightgbm import LightGBM
from heads.logistic import Logistic
from heads.svc import Svc
from preprocessing.balance.class_weight import ClassWeight
from preprocessing.balance.smote import Smote


@dataclass(frozen=True, kw_only=True)
class Recorder(Head):
    """Keeps what it is trained on and what it may stop by."""

    early: bool = False
    seen: list = field(default_factory=list)

    @property
    def stops(self):
        return self.early

    def build(self, *, seed, threads, device):
        return DummyClassifier(strategy="prior")

    def train(self, classifier, rows, validation):
        self.seen.append((rows, validation))
        classifier.fit(rows.X, rows.y)


def positions(training, X):
    """Which training rows X holds, by their first feature."""
    return np.flatnonzero(np.isin(training.X[:, 0], X[:, 0]))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_tuning_chooses_what_a_grid_search_on_the_same_folds_does(problem, classes, seed):
    training, _, _ = problem(classes=classes, apart=1.0, seed=seed)
    values = [0.001, 0.01, 0.1, 1.0, 10.0]
    cv = [(part.rows, held_out) for part, held_out in training.folds()]
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": values}, cv=cv, scoring="roc_auc_ovr")
    search.fit(training.X, training.y)
    fitted = Logistic(tune={"C": values}).fit(training, seed=0)
    assert fitted.chosen == search.best_params_


def test_tuning_takes_every_combination(problem):
    training, _, _ = problem(apart=1.0, seed=5)
    grid = {"C": [0.1, 1.0, 10.0], "gamma": [0.001, 0.01, 0.1]}
    cv = [(part.rows, held_out) for part, held_out in training.folds()]
    search = GridSearchCV(SVC(), grid, cv=cv, scoring="roc_auc").fit(training.X, training.y)
    fitted = Svc(tune=grid).fit(training, seed=0)
    ranks = dict(zip(map(str, search.cv_results_["params"]), search.cv_results_["rank_test_score"], strict=True))
    assert ranks[str(fitted.chosen)] == 1  # of equal AUCs, the one with the lower log loss is taken
    best = Svc(**fitted.chosen).fit(training, seed=0)
    assert_array_equal(fitted.predict_proba(training.X), best.predict_proba(training.X))


def test_ties_go_to_the_first(problem):
    training, _, _ = problem()
    assert Logistic(tune={"iterations": [900, 800]}).fit(training, seed=0).chosen == {"iterations": 900}


@pytest.mark.parametrize("name", find("heads"))
def test_every_head_can_be_tuned(problem, name):
    head = load("heads", name)
    training, test, _ = problem(n=80, features=5)
    small = {"rounds": (5, 10), "members": (2,), "neighbours": (5, 10), "epochs": (3,), "C": (0.1, 1.0)}
    tune = {f: v for f, v in small.items() if hasattr(head, f)}
    X, test = (training.X[:, :0], test[:, :0]) if head.reads_nothing() else (training.X, test)
    if head.reads_own_probabilities:
        X, test = np.full((80, 2), 0.5, dtype=np.float32), np.full((80, 2), 0.5, dtype=np.float32)
    fitted = replace(head, tune=tune).fit(replace(training, X=X), seed=0)
    assert set(fitted.chosen) == set(tune) and fitted.predict_proba(test).shape == (80, 2)


def test_the_sampler_sees_only_the_training_part_of_an_inner_fold(problem, recording_sampler):
    training, _, _ = problem(balance=recording_sampler)
    Logistic(calibration="sigmoid", tune={"C": [0.1, 1.0]}).fit(training, seed=0)
    assert len(recording_sampler.seen) == 4  # three inner folds and the final fit, shared over C
    seen = [set(positions(training, X)) for X, _ in recording_sampler.seen]
    for (part, held_out), rows in zip(training.folds(), seen, strict=False):
        assert rows == set(part.rows) and not rows & set(held_out)
    assert seen[3] == set(range(150))


@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_early_stopping_sees_real_rows_of_other_patients(problem, calibration):
    training, _, _ = problem(rates=[0.75, 0.25], balance=Smote())
    head = Recorder(early=True, calibration=calibration)
    head.fit(training, seed=0)
    assert len(head.seen) == 4  # inner folds to calibrate by, or to undo what balanced rows do, and the final fit
    for rows, validation in head.seen:
        assert np.bincount(rows.y).tolist() == [(rows.y == 0).sum()] * 2
        held, fitted = positions(training, validation.X), positions(training, rows.X)
        assert len(held) == len(validation.y) and validation.y.mean() < 0.5
        assert not set(training.groups[held]) & set(training.groups[fitted])


def test_weights_reach_the_fit_and_early_stopping(problem):
    training, _, _ = problem(rates=[0.75, 0.25], balance=ClassWeight())
    head = Recorder(early=True)
    head.fit(training, seed=0)
    rows, validation = head.seen[0]
    assert rows.weights[rows.y == 0].sum() == pytest.approx(rows.weights[rows.y == 1].sum())
    assert set(validation.weights) == set(rows.weights)


def test_a_weighted_head_is_that_of_scikit_learns_balanced_weights(problem):
    training, test, _ = problem(classes=3, rates=[0.6, 0.3, 0.1], balance=ClassWeight())
    expected = LogisticRegression(C=0.01, class_weight="balanced").fit(training.X, training.y)
    p = Logistic().fit(training, seed=0).predict_proba(test)
    np.testing.assert_allclose(p, expected.predict_proba(test), atol=1e-3)


def test_boosting_stops_early_when_asked(problem):
    training, _, _ = problem(n=300, apart=1.0)
    fitted = LightGBM(patience=5).fit(training, seed=0)
    assert 1 <= fitted.classifier.best_iteration_ < 100
    part, held_out = training.whole().stopping()
    from lightgbm import LGBMClassifier, early_stopping

    direct = LGBMClassifier(random_state=0, verbosity=-1, n_jobs=1, deterministic=True, force_row_wise=True)
    fitted_on, held = ((training.X[rows], training.y[rows]) for rows in (part.rows, held_out))
    direct.fit(*fitted_on, eval_X=held[0], eval_y=held[1], callbacks=[early_stopping(5, verbose=False)])
    assert fitted.classifier.best_iteration_ == direct.best_iteration_


@pytest.mark.parametrize(
    ("head", "balance", "reason"),
    [
        (Knn(), ClassWeight(), "knn takes no sample weights"),
        (Svc(calibration="none"), None, "svc gives margins instead of probabilities: use calibration='sigmoid'"),
        (Logistic(tune={"gamma": [1]}), None, "logistic has no field 'gamma' to tune: use one of C, iterations"),
        (Logistic(tune={"C": 0.1}), None, r"tune of C \(0.1\) must be a list of values, such as \[0.1\]"),
        (Logistic(calibration="isotonic"), None, r"calibration \(isotonic\) must be one of none, sigmoid, temperature"),
    ],
)
def test_refusals_name_the_reason(problem, head, balance, reason):
    training, _, _ = problem(balance=balance)
    assert head.refuses(balance) is not None
    with pytest.raises(ValueError, match=reason):
        head.fit(training, seed=0)


def test_a_single_class_is_an_error():
    training = TrainingSet(np.ones((4, 2), dtype=np.float32), np.ones(4, dtype=np.int64), np.array(list("abcd")), 2)
    with pytest.raises(ValueError, match="hold only class 1"):
        Logistic().fit(training, seed=0)


@pytest.mark.long
def test_serial_and_concurrent_fits_give_the_same_bits(problem):
    heads = [head for name in find("heads") if not (head := load("heads", name)).reads_own_probabilities]
    heads = [replace(h, **{f: n for f, n in {"rounds": 10, "epochs": 10}.items() if hasattr(h, f)}) for h in heads]
    heads += [
        replace(h, calibration="sigmoid")
        for h in heads
        if h.lane == "cpu" and not h.nested() and not hasattr(h, "members")
    ]
    training, test, _ = problem(n=120, features=40, classes=3, rates=[0.5, 0.3, 0.2], balance=Smote())

    def fit(head, seed, shared):
        none = head.reads_nothing()
        rows = replace(shared, X=shared.X[:, :0]) if none else shared
        return head.fit(rows, seed=seed).predict_proba(test[:, :0] if none else test)

    serial = [fit(head, seed, replace(training)) for head in heads for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(fit, head, seed, training) for head in heads for seed in (0, 1)]
        for one, other in zip(serial, waiting, strict=True):
            assert_array_equal(one, other.result())


def test_importing_every_head_imports_no_library():
    code = (
        "import sys; from bench.plugins import find; find('heads'); "
        "print([m for m in ('torch', 'sklearn', 'scipy', 'lightgbm', 'xgboost', 'imblearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Logistic(C=-1), r"C \(-1\) must be above 0"),
        (lambda: Logistic(C=float("nan")), r"C \(nan\) must be above 0"),
        (lambda: Logistic(tune={"C": [0.1, float("inf")]}), r"C \(inf\) must be above 0"),
        (lambda: Knn(neighbours=0), r"neighbours \(0\) must be above 0"),
        (lambda: LightGBM(patience=-1), r"patience \(-1\) must be 0 or above 0"),
    ],
)
def test_numbers_that_no_fit_can_use_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
    assert LightGBM(patience=0).patience == 0
