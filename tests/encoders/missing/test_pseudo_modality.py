"""Sequences predicted from others: the ridge against scikit-learn's, the autoencoder against what can be explained."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from encoders.missing.filling import vae
from encoders.missing.filling.means import training_means
from encoders.missing.filling.quality import filling_quality
from encoders.missing.filling.ridge import ridge
from encoders.missing.mean import TrainingMean
from encoders.missing.pseudo_modality import PseudoModality
from encoders.scaling.sequences import SequenceScales


def each(present):
    """Every sample is from another patient."""
    return np.arange(len(present)).astype(str)


@pytest.mark.parametrize(("n", "predictors"), [(30, 100), (100, 30)])
def test_both_normal_equations_are_scikit_learns_ridge(n, predictors):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(n, predictors)) + 3, rng.normal(size=(n, 5)) - 2
    model = ridge(X.astype(np.float32), Y.astype(np.float32), 0.1)
    expected = Ridge(alpha=0.1 * X.var(axis=0).sum()).fit(X, Y)
    assert_allclose(model(X.astype(np.float32)), expected.predict(X), rtol=1e-3, atol=1e-4)


def test_strong_shrinkage_ends_at_the_mean_of_samples_that_have_both(related):
    (train, have), (test, given) = related
    filled = PseudoModality(alpha=1e9).fit(train, have, groups=each(have), seed=0)(test, given)
    rows = (given == [True, False, True]).all(axis=1)
    expected = train[have.all(axis=1), 1].mean(axis=0)
    assert_allclose(filled[rows, 1], np.tile(expected, (rows.sum(), 1)), rtol=1e-3)


def test_sequences_that_no_sample_has_together_get_the_mean():
    values = np.array([[[1, 2], [0, 0]], [[0, 0], [3, 4]], [[0, 0], [5, 8]]], dtype=np.float32)
    present = np.array([[True, False], [False, True], [False, True]])
    for model in ("ridge", "vae"):
        filled = PseudoModality(model=model).fit(values, present, groups=each(present), seed=0)(values, present)
        assert np.isfinite(filled).all()
    filled = PseudoModality().fit(values, present, groups=each(present), seed=0)(values, present)
    assert_allclose(filled[0, 1], [4, 6])


@pytest.mark.parametrize("model", ["ridge", "vae"])
def test_explains_most_of_what_can_be_explained(model, related):
    """A feature's variance is 8, which all sequences show, plus .25 of noise; the mean explains none."""
    train, test = related
    means = training_means(*train)
    quality = filling_quality(
        PseudoModality(model=model, alpha=0.01).fit(*train, groups=each(train[1]), seed=0), *test, means=means
    )
    assert (quality["explained_variance"] > 0.8).all()
    assert (quality["explained_variance"] < 8 / 8.25).all()


def test_the_autoencoder_depends_only_on_its_seed(related):
    (train, have), test = related
    fillers = [
        PseudoModality(model="vae").fit(train[:100], have[:100], groups=each(have[:100]), seed=seed)
        for seed in (1, 1, 2)
    ]
    first, second, third = (filler(*test) for filler in fillers)
    assert np.array_equal(first, second) and not np.allclose(first, third)


def test_without_any_sequence_it_is_the_training_mean(related):
    (train, have), _ = related
    nothing = np.zeros((1, 3, 64), np.float32), np.zeros((1, 3), bool)
    expected = TrainingMean().fit(train, have, groups=each(have), seed=0)(*nothing)
    for model in ("ridge", "vae"):
        assert_allclose(
            PseudoModality(model=model).fit(train, have, groups=each(have), seed=0)(*nothing), expected, rtol=1e-5
        )


def test_refuses_an_unknown_model():
    with pytest.raises(ValueError, match=r"model \(gan\) must be ridge or vae"):
        PseudoModality(model="gan")


@pytest.mark.parametrize("model", ["ridge", "vae"])
def test_a_feature_that_hardly_varies_in_training_does_not_disturb_the_others(related, model):
    """A value that is thousands of deviations away changes no more than one that is ten deviations away."""
    (train, have), (test, given) = related
    train = train.copy()
    train[:, 0, 0] = 1e-4 * np.random.default_rng(0).normal(size=len(train)) * have[:, 0]
    filler = PseudoModality(model=model).fit(train, have, groups=each(have), seed=0)
    only = np.zeros((2, 3), dtype=bool)
    only[:, 0] = True
    values = np.zeros((2, 3, 64), np.float32)
    values[:, 0] = test[given[:, 0], 0][0]
    values[:, 0, 0] = 1.0, 1.2e-3
    filled = filler(values, only)
    assert_allclose(filled[0, 1:], filled[1, 1:], rtol=1e-4)


def test_the_autoencoder_stops_by_patients_or_runs_all_epochs(monkeypatch):
    """Held-out rows are those of whole patients; with fewer than seven patients none is held out."""
    rng = np.random.default_rng(0)
    values, present = rng.normal(size=(90, 2, 4)).astype(np.float32), np.ones((90, 2), dtype=bool)
    values[:, 1] = values[:, 0]
    rated = []
    error = vae._error
    monkeypatch.setattr(vae, "_error", lambda layers, x, there: rated.append(x) or error(layers, x, there))
    standard = SequenceScales.of_means(values, present)
    vae.train(values, present, standard, np.repeat([f"p{i}" for i in range(30)], 3), 0)
    place = {row.tobytes(): i for i, row in enumerate(standard(values[:, 0], 0))}
    held = {place[row.numpy().tobytes()] for row in rated[0][:, 0]}
    assert len(held) == 12 and {3 * (i // 3) + k for i in held for k in range(3)} == held
    rated.clear()
    epochs = []
    monkeypatch.setattr(vae, "EPOCHS", 13)
    monkeypatch.setattr(vae, "_loss", lambda *given, loss=vae._loss: epochs.append(1) or loss(*given))
    vae.train(values[:6], present[:6], standard, np.arange(6).astype(str), 0)
    assert len(epochs) == 13 and not rated
