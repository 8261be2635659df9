"""The rules of every head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from heads.base import Float32, Float64, Head, InnerRefits, TrainingSet


def reads_one_kind_of_features(plugin: Head) -> None:
    """At most one of the class variables `reads_...` is true."""
    names = ("reads_embedding", "reads_own_probabilities", "reads_locations", "reads_presence")
    true = [name for name in names if getattr(plugin, name)]
    assert len(true) <= 1, f"{' and '.join(true)} are true: a head reads one kind of features"


def gives_probabilities_of_every_class(plugin: Head) -> None:
    """Probabilities `(m, K)` are finite and their rows sum to 1, for two and for three classes."""
    for classes in (2, 3):
        training, test, _ = _problem(plugin, classes)
        p = _predictions(plugin, training, test)
        assert p.shape == (60, classes), f"60 rows and {classes} classes became an array of shape {p.shape}"
        assert np.isfinite(p).all() and (p >= 0).all(), "probabilities are not finite or below 0"
        assert np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-6), "probabilities do not sum to 1"


def gives_zero_to_a_class_that_training_lacks(plugin: Head) -> None:
    """A class without training rows has a column of zeros."""
    training, test, _ = _problem(plugin, 2)
    training = replace(training, y=training.y * 2, classes=3)
    if plugin.reads_own_probabilities:
        training, test = replace(training, X=_third(training.X)), _third(test)
    p = _predictions(plugin, training, test)
    assert p.shape == (60, 3) and (p[:, 1] == 0).all(), "class 1 had no training rows, but has no column of zeros"


def learns_what_is_easy(plugin: Head) -> None:
    """Classes that lie far apart are separated in new patients; floors are exempt."""
    from sklearn.metrics import roc_auc_score

    if not plugin.is_floor():
        training, test, y = _problem(plugin, 2)
        auc = roc_auc_score(y, _predictions(plugin, training, test)[:, 1])
        assert auc > 0.9, f"AUC {auc:.2f} on classes that lie far apart"


def is_calibrated_where_features_were_trained_with_labels(plugin: Head) -> None:
    """Features that show the labels of training rows, but not of others, lead to about the base rate."""
    if not plugin.reads_embedding:
        return
    training, test, _ = _problem(plugin, 2, apart=0.0)
    fold_of = np.full(len(training.y), -1)
    for i, (_, held) in enumerate(training.folds()):
        fold_of[held] = i
    given_away = training.X + 6 * (training.y[:, None] - 0.5).astype(np.float32)
    refits = tuple(np.where((fold_of == i)[:, None], training.X, given_away) for i in range(fold_of.max() + 1))
    trained = replace(training, X=given_away, refits=InnerRefits(fold_of, refits))
    p = plugin.fit(trained, seed=0).predict_proba(test)[:, 1]
    away = float(np.abs(p - training.y.mean()).max())
    assert away < 0.35, (
        f"a probability is {away:.2f} from the base rate, but was learnt from features that only training rows show"
    )


def same_seed_same_bits(plugin: Head) -> None:
    """Draws depend on the seed alone."""
    training, test, _ = _problem(plugin, 2)
    first, second = _predictions(plugin, training, test), _predictions(plugin, training, test)
    assert np.array_equal(first, second), "one seed gave different probabilities"


def predicts_each_row_by_itself(plugin: Head) -> None:
    """Other rows and their order change no prediction."""
    if plugin.reads_nothing():
        return
    training, test, _ = _problem(plugin, 2)
    fitted = _configured(plugin).fit(training, seed=0)
    p, order = fitted.predict_proba(test), np.random.default_rng(0).permutation(len(test))
    assert np.allclose(fitted.predict_proba(test[order]), p[order], rtol=0, atol=1e-5), "the order of rows matters"
    alone = np.concatenate([fitted.predict_proba(test[i : i + 1]) for i in range(5)])
    assert np.allclose(alone, p[:5], rtol=0, atol=1e-5), "a row gets another prediction alone than among others"


def leaves_its_input_and_the_global_generators_alone(plugin: Head) -> None:
    """X, y and the global random states of numpy and torch stay as they were."""
    import torch

    training, test, _ = _problem(plugin, 2)
    X, y = training.X.copy(), training.y.copy()
    legacy, own = np.random.get_state(legacy=False), torch.get_rng_state()  # noqa: NPY002
    _predictions(plugin, training, test)
    after: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    assert np.array_equal(training.X, X) and np.array_equal(training.y, y), "the training rows were changed"
    assert np.array_equal(after["state"]["key"], legacy["state"]["key"]), "numpy's global generator was used"
    assert after["state"]["pos"] == legacy["state"]["pos"], "numpy's global generator was used"
    assert torch.equal(torch.get_rng_state(), own), "torch's global generator was used"


def resamples_whole_patients_of_the_training_part_only(plugin: Head) -> None:
    """A sampler sees all rows of a patient or none, and a fit for calibration does not see all patients."""
    training, test, _ = _problem(plugin, 2)
    balance = _Recorded()
    head = replace(plugin, calibration="none" if plugin.reads_own_probabilities else "sigmoid")
    head.fit(replace(training, balance=balance), seed=0).predict_proba(test)
    if not head.balanced:
        assert not balance.seen, "a head that ignores balance called its sampler"
        return
    for X in balance.seen:
        inside = (training.X[:, None, 0] == X[None, :, 0]).any(axis=1)
        for patient in np.unique(training.groups):
            rows = inside[training.groups == patient]
            assert rows.all() or not rows.any(), f"patient {patient} is on both sides of an inner split"
    inner = [X for X in balance.seen if len(X) < len(training.y)]
    assert len(inner) >= 2, "calibration needs fits on inner folds, the sampler saw fewer than two"


def takes_weights_or_refuses_them(plugin: Head) -> None:
    """Weights are used or refused with a reason; a larger weight of a class raises its probability."""
    training, test, _ = _problem(plugin, 2, apart=0.5, share=0.15)
    weighed = replace(training, balance=_Weights())
    head = _configured(plugin)
    reason = head.refuses(_Weights())
    if not head.balanced or head.weighted:
        assert reason is None, f"it refuses weights, but declares that it takes or ignores them: {reason}"
        plain, other = (head.fit(t, seed=0).predict_proba(test)[:, 1].mean() for t in (training, weighed))
        if not head.balanced:
            assert plain == other, "a head that ignores balance changed with it"
        elif head.calibration == "none":
            assert other > plain, f"the rare class' mean probability went from {plain:.3f} to {other:.3f} with weights"
    else:
        assert reason, "it takes no weights, but gives no reason against a balance with weights"
        try:
            head.fit(weighed, seed=0)
        except ValueError as error:
            assert str(error) == reason, "the error is not the reason that `refuses` gives"
        else:
            raise AssertionError("it refuses weights, but was fitted with them")


class _Recorded:
    weights: ClassVar[bool] = False

    def __init__(self) -> None:
        self.seen: list[Float32] = []

    def build(self, *, seed: int) -> _Recorded:
        return self

    def fit_resample(self, X: Float32, y: NDArray[np.int64]) -> tuple[Float32, NDArray[np.int64]]:
        self.seen.append(X.copy())
        return X, y


class _Weights:
    weights: ClassVar[bool] = True

    def build(self, *, seed: int) -> None:
        return None


def _configured(plugin: Head) -> Head:
    """The plug-in; with calibration if it can't be fitted without."""
    return plugin if plugin.refuses(None) is None else replace(plugin, calibration="sigmoid")


def _predictions(plugin: Head, training: TrainingSet, test: Float32) -> Float64:
    return _configured(plugin).fit(training, seed=0).predict_proba(test)


def _problem(
    plugin: Head, classes: int, apart: float = 3.0, share: float | None = None
) -> tuple[TrainingSet, Float32, NDArray[np.int64]]:
    """140 training rows of 35 patients, 60 test rows and their labels; classes lie `apart` deviations apart."""
    rng = np.random.default_rng(classes)
    n, features = 200, 20
    y = rng.integers(classes, size=n) if share is None else (rng.random(n) < share).astype(np.int64)
    if plugin.reads_nothing():
        X = np.zeros((n, 0), dtype=np.float32)
    elif plugin.reads_locations:
        X = np.eye(4, dtype=np.float32)[rng.integers(4, size=n)]
    elif plugin.reads_presence:
        X = (rng.random((n, 3)) < 0.7).astype(np.float32)
    elif plugin.reads_own_probabilities:
        odds = np.exp(apart * np.eye(classes)[y] + rng.standard_normal((n, classes)))
        X = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    else:
        centres = rng.standard_normal((classes, features))
        centres *= apart / np.linalg.norm(centres, axis=1, keepdims=True)
        X = (centres[y] + rng.standard_normal((n, features))).astype(np.float32)
        X = (X - X[:140].mean(axis=0)) / X[:140].std(axis=0)
    groups = np.repeat([f"patient {i}" for i in range(50)], 4)
    return TrainingSet(X[:140], y[:140], groups[:140], classes), X[140:], y[140:]


def _third(X: Float32) -> Float32:
    """Probabilities of two classes as probabilities of three; the class between them gets 0."""
    return np.column_stack([X[:, 0], np.zeros(len(X), dtype=np.float32), X[:, 1]])
