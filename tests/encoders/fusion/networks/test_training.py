"""Fusions that learn find a planted label, stop by held-out patients, and accept absent sequences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bench.plugins import load
from data.describing.training import heard_by
from encoders.base import Tokens
from encoders.fusion.attention import Attention
from encoders.fusion.base import sequences_present
from encoders.fusion.early_attention_cnn import EarlyAttentionCnn
from encoders.fusion.late_attention_cnn import LateAttentionCnn
from encoders.fusion.mean import MeanFusion
from encoders.fusion.per_sequence import PerSequence
from encoders.networks.stopping import held_out_by_label
from encoders.scaling.sequences import SequenceScales

TRAIN, TEST = np.arange(600), np.arange(600, 900)
TRAINED = ["attention", "late_attention_cnn", "early_attention_cnn", "per_sequence"]


def fill(fusion, tokens):
    values = np.stack([t.means()[0] for t in tokens], axis=1)
    return values if fusion.uses_filled else values[:, :, :0]


def fit(fusion, tokens, y, groups, *, samples=TRAIN, classes=2):
    parts = [t.take(samples) for t in tokens]
    labels = y[samples] if fusion.learns == "labels" else None
    where = {"classes": classes, "groups": groups[samples], "seed": 0, "device": "cpu"}
    return fusion.fit(parts, fill(fusion, parts), labels, **where)


def apply(fusion, fuser, tokens, samples=TEST):
    parts = [t.take(samples) for t in tokens]
    return fuser(parts, fill(fusion, parts))


def auc(fusion, tokens, y, groups):
    fuser = fit(fusion, tokens, y, groups)
    return roc_auc_score(y[TEST], apply(fusion, fuser, tokens).probabilities[:, 1])


def without(tokens, samples):
    """The tokens where some samples lack the sequence."""
    rows = tokens.rows.copy()
    rows[samples] = -1
    return Tokens(tokens.values, tokens.present, rows)


def test_attention_finds_the_slice_that_carries_the_label(planted):
    tokens, y, groups, sequence, place = planted
    fuser = fit(Attention(), tokens, y, groups)
    fused = apply(Attention(), fuser, tokens)
    chosen = np.arange(len(TEST)), sequence[TEST]
    assert (fused.weights["slices"][chosen].argmax(axis=1) == place[TEST]).mean() >= 0.9
    assert (fused.weights["sequences"].argmax(axis=1) == sequence[TEST]).mean() >= 0.9

    means = MeanFusion().fit(tokens, fill(MeanFusion(), tokens), None, classes=2, groups=groups, seed=0, device="cpu")
    vectors = means(tokens, fill(MeanFusion(), tokens)).vectors[0]
    head = LogisticRegression(C=0.1, max_iter=2000).fit(vectors[TRAIN], y[TRAIN])
    mean_auc = roc_auc_score(y[TEST], head.decision_function(vectors[TEST]))
    assert roc_auc_score(y[TEST], fused.probabilities[:, 1]) > mean_auc + 0.05


@pytest.mark.parametrize("name", TRAINED)
def test_two_sequences_that_hold_half_each_are_better_than_one(name, halves):
    """One of two numbers predicts the sign of their sum with an AUC of 5/6; .88 is 2 standard errors above."""
    tokens, y, groups = halves
    fusion = load("fusion", name)
    single = [auc(fusion, [one], y, groups) for one in tokens]
    assert max(single) < 0.88
    assert auc(fusion, tokens, y, groups) > max(single) + 0.08


@pytest.mark.parametrize("name", TRAINED)
def test_learns_though_sequences_are_absent(name, halves):
    tokens, y, groups = halves
    rng = np.random.default_rng(0)
    lacking = [without(one, np.flatnonzero(rng.random(900) < 0.3)) for one in tokens]
    fusion = load("fusion", name)
    fused = apply(fusion, fit(fusion, lacking, y, groups), lacking)
    both = sequences_present(lacking)[TEST].all(axis=1)
    assert roc_auc_score(y[TEST][both], fused.probabilities[both, 1]) > 0.85


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_without_any_sequence_gets_the_base_rates(name, weighted, halves):
    tokens, _, groups = halves
    y = np.repeat([0, 2, 0, 0], 225)
    lacking = [without(one, TEST[:1]) for one in tokens]
    fusion = load("fusion", name, epochs=1, weighted=weighted)
    fused = apply(fusion, fit(fusion, lacking, y, groups, classes=3), lacking)
    rates = [0.5, 0, 0.5] if weighted else [375 / 600, 0, 225 / 600]
    assert_allclose(fused.probabilities[0], rates)
    assert not fused.vectors[:, 0].any() and not fused.weights["slices"][0].any()


def test_weighted_classes_weigh_the_same(halves):
    """Without signal, probabilities are about the base rates: .1, or .5 if classes weigh the same."""
    tokens, _, groups = halves
    y = (np.random.default_rng(0).random(900) < 0.1).astype(np.int64)
    means = []
    for weighted in (False, True):
        fusion = Attention(weighted=weighted)
        fused = apply(fusion, fit(fusion, tokens, y, groups), tokens)
        means.append(fused.probabilities[:, 1].mean())
    assert_allclose(means, [0.1, 0.5], atol=0.06)


def test_stops_when_held_out_patients_gain_nothing_and_keeps_the_best(planted):
    tokens, _, groups, _, _ = planted
    y = np.random.default_rng(0).integers(2, size=900)
    fuser = fit(Attention(patience=2, learning_rate=0.01, starts=1), tokens, y, groups)
    losses = fuser.artifacts()["learning_curve"]["validation_loss"].to_numpy()
    assert len(losses) < 40 and len(losses) - 1 - losses.argmin() == 2
    held = TRAIN[held_out_by_label(y[TRAIN], groups[TRAIN], 0.2, 0)]
    P = apply(Attention(), fuser, tokens, held).probabilities
    assert_allclose(-np.log(P[np.arange(len(held)), y[held]]).mean(), losses.min(), rtol=1e-5)


def test_of_several_starts_the_best_on_held_out_patients_is_kept(planted):
    tokens, _, groups, _, _ = planted
    y = np.random.default_rng(0).integers(2, size=900)
    told = []
    with heard_by(lambda *words: told.append(words)):
        fuser = fit(Attention(starts=3, epochs=3), tokens, y, groups)
    epochs = [("epoch", epoch, 3) for epoch in (1, 2, 3)]
    assert told == [one for start in range(3) for one in (("start", start, 3), *epochs)]
    one_start = fit(Attention(starts=1, epochs=3), tokens, y, groups)
    reached = fuser.artifacts()["learning_curve"].groupby("start")["validation_loss"].min()
    assert reached[0] == one_start.artifacts()["learning_curve"]["validation_loss"].min() and reached.nunique() == 3
    held = TRAIN[held_out_by_label(y[TRAIN], groups[TRAIN], 0.2, 0)]
    P = apply(Attention(), fuser, tokens, held).probabilities
    assert_allclose(-np.log(P[np.arange(len(held)), y[held]]).mean(), reached.min(), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Attention(starts=0), r"starts \(0\) must be 1 or more"),
        (lambda: Attention(epochs=0), r"epochs \(0\) must be 1 or more"),
        (lambda: Attention(hidden=0), r"hidden \(0\) must be 1 or more"),
        (lambda: Attention(dropout=1), r"dropout \(1\) must be from 0 to below 1"),
        (lambda: Attention(validation=-0.1), r"validation \(-0.1\) must be from 0 to below 1"),
        (lambda: LateAttentionCnn(kernel=2), r"kernel \(2\) must be odd"),
        (lambda: EarlyAttentionCnn(networks=0), r"networks \(0\) must be 1 or more"),
        (lambda: PerSequence(batch=0), r"batch \(0\) must be 1 or more"),
    ],
)
def test_refuses_fields_that_allow_no_training(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_with_nobody_held_out_all_epochs_run_once(halves):
    tokens, y, groups = halves
    curve = fit(Attention(epochs=3, patience=1, validation=0), tokens, y, groups).artifacts()["learning_curve"]
    assert curve["epoch"].tolist() == [1, 2, 3] and curve["validation_loss"].isna().all()


def test_a_single_patient_runs_all_epochs_once(halves):
    tokens, y, _ = halves
    fuser = fit(Attention(epochs=3), tokens, y, np.full(900, "p"))
    curve = fuser.artifacts()["learning_curve"]
    assert curve["epoch"].tolist() == [1, 2, 3] and curve["validation_loss"].isna().all()


def test_patients_held_out_are_whole_and_of_all_labels():
    rng = np.random.default_rng(0)
    groups = np.array([f"p{i}" for i in rng.integers(50, size=400)])
    y = (np.unique(groups, return_inverse=True)[1] < 10).astype(np.int64)
    for seed in range(5):
        held = held_out_by_label(y, groups, 0.2, seed)
        assert not set(groups[held]) & set(groups[~held])
        assert len(set(groups[held])) == 10 and len(set(groups[held & (y == 1)])) == 2


def test_tokens_in_a_mapped_file_give_the_same_bits(tmp_path, halves):
    tokens, y, groups = halves
    mapped = []
    for i, one in enumerate(tokens):
        np.save(tmp_path / f"{i}.npy", one.values)
        mapped.append(Tokens(np.load(tmp_path / f"{i}.npy", mmap_mode="r"), one.present, one.rows))
    fusion = Attention(epochs=2)
    first, second = (apply(fusion, fit(fusion, t, y, groups), t) for t in (tokens, mapped))
    assert np.array_equal(first.vectors, second.vectors) and np.array_equal(first.probabilities, second.probabilities)


def test_sequences_may_differ_in_their_number_of_slices(halves):
    tokens, y, groups = halves
    one = tokens[1]
    short = [tokens[0], Tokens(one.values[:, :1], one.present[:, :1], one.rows)]
    for name in TRAINED:
        fusion = load("fusion", name, epochs=1)
        weights = apply(fusion, fit(fusion, short, y, groups), short).weights["slices"]
        assert weights.shape == (300, 2, 4)
        assert_allclose(weights[:, 1], np.tile([1, 0, 0, 0], (300, 1)))


def test_standardises_by_the_slices_that_are_there():
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(20, 5, 6)) * 3 + 100).astype(np.float32)
    values[:, :, 2] = 7
    present = rng.random((20, 5)) < 0.6
    rows = np.array([3, 3, -1, 8, 19, 0])
    used = values[[0, 3, 8, 19]][present[[0, 3, 8, 19]]].astype(np.float64)
    scales = SequenceScales.of_tokens([Tokens(values, present, rows)])
    assert_allclose(scales.mean[0], used.mean(axis=0), rtol=1e-6)
    expected = np.divide(1, used.std(axis=0), where=used.std(axis=0) > 0, out=np.zeros(6))
    assert_allclose(scales.inverse[0], expected, rtol=1e-5)


def test_standardises_in_chunks_as_at_once(monkeypatch):
    values = np.random.default_rng(0).normal(50, 2, size=(30, 4, 3)).astype(np.float32)
    tokens = Tokens(values, np.ones((30, 4), dtype=bool), np.arange(30))
    monkeypatch.setattr("encoders.base.CHUNK", 7 * 4 * 3 * 4)
    scales = SequenceScales.of_tokens([tokens])
    assert_allclose(scales.mean[0], values.mean(axis=(0, 1), dtype=np.float64), rtol=1e-6)
    assert_allclose(scales.inverse[0], 1 / values.std(axis=(0, 1), dtype=np.float64), rtol=1e-5)


def test_errors_name_what_is_wrong_with_the_tokens(halves):
    tokens, y, groups = halves
    nobody = [without(one, np.arange(900)) for one in tokens]
    for name in TRAINED:
        with pytest.raises(ValueError, match="none of the 600 training samples has a sequence"):
            fit(load("fusion", name), nobody, y, groups)
    wide = Tokens(np.zeros((1, 1, 3), dtype=np.float32), np.ones((1, 1), dtype=bool), np.full(900, -1))
    with pytest.raises(ValueError, match=r"sequences have \[96, 3\] features"):
        Attention().fit([tokens[0], wide], np.zeros((900, 2, 0)), y, classes=2, groups=groups, seed=0, device="cpu")
