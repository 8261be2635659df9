"""The mistakes of published studies as switches: each gives the scores without the mistake, or with it if `wrong`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.stages.features import standardise
from data.base import Image
from encoders.fusion.attention import Attention
from preprocessing.balance.smote import Smote
from preprocessing.images.base import ImageStep
from preprocessing.images.grayscale import Grayscale
from tests.studies.flaws.cohort import FOLDS, KEYS, Cohort, Rows, Scores, predict, read, score

EPOCHS = 30


def class_dropped(cohort: Cohort, *, wrong: bool) -> Scores:
    """Undersampling leaves no row of the rarest class, neither for training nor for testing."""
    rows = cohort.rows()
    if wrong:
        rarest = np.bincount(rows.y, minlength=rows.classes).argmin()
        kept = rows.y != rarest
        y = rows.y[kept] - (rows.y[kept] > rarest)
        rows = Rows(rows.X[kept], y, rows.patient[kept], rows.fold[kept], rows.classes - 1)
    return score(rows, predict(rows))


def merged_on_study(cohort: Cohort, *, wrong: bool) -> Scores:
    """Embeddings and labels are merged by study only: each occurs once per label of its study, in training and test."""
    rows = cohort.rows()
    if wrong:
        place = cohort.samples.reset_index()[["study"]].assign(place=range(len(rows.y)))
        pairs = place.merge(place, on="study", suffixes=("", "_of_label"))
        embedding, label = pairs["place"].to_numpy(), pairs["place_of_label"].to_numpy()
        rows = Rows(
            rows.X[embedding], rows.y[label], rows.patient[embedding], _folds_of_rows(rows.y[label]), rows.classes
        )
    return score(rows, predict(rows))


def folds_by_row(cohort: Cohort, *, wrong: bool) -> Scores:
    """Rows instead of patients are dealt to folds, so that a patient is in both training and test rows."""
    rows = cohort.rows()
    if wrong:
        rows = replace(rows, fold=_folds_of_rows(rows.y))
    return score(rows, predict(rows))


def scaler_before_split(cohort: Cohort, *, wrong: bool) -> Scores:
    """Features are scaled by the mean and spread of all rows, also of test rows."""
    rows = cohort.rows()
    if wrong:
        rows = replace(rows, X=standardise(rows.X, np.arange(len(rows.y))))
    return score(rows, predict(rows, scale=not wrong))


def smote_before_split(cohort: Cohort, *, wrong: bool) -> Scores:
    """Synthetic rows between any two patients are in training and test rows; real ones stay in their folds."""
    rows = cohort.rows()
    if not wrong:
        return score(rows, predict(rows, balance=Smote()))
    X, y = Smote().build(seed=0).fit_resample(rows.X, rows.y)
    made = len(y) - len(rows.y)
    dealt = np.random.default_rng(0).permutation(np.arange(made) % FOLDS)
    everyone = np.append(rows.patient, np.array([f"made {i}" for i in range(made)], dtype=str))
    rows = Rows(X, y, everyone, np.append(rows.fold, dealt), rows.classes)
    return score(rows, predict(rows))


def untrained_attention(cohort: Cohort, *, wrong: bool) -> Scores:
    """Slices are weighted by an untrained layer in training mode, whose dropout sets half of its output to zero."""
    if wrong:
        rows = cohort.rows(_untrained(*cohort.tokens.gather()))
        return score(rows, predict(rows))
    rows = cohort.rows()
    P = np.zeros((len(rows.y), rows.classes))
    nothing = np.zeros((len(rows.y), 1, 0), dtype=np.float32)
    for train, test in rows.parts():
        fuser = Attention(starts=1).fit(
            [cohort.tokens.take(train)],
            nothing[train],
            rows.y[train],
            classes=rows.classes,
            groups=rows.patient[train],
            seed=0,
            device="cpu",
        )
        P[test] = fuser([cohort.tokens.take(test)], nothing[test]).probabilities
    return score(rows, P)


def clipped_to_8_bit(cohort: Cohort, *, wrong: bool) -> Scores:
    """The scanner's numbers above 255 become 255 before anything else is done."""
    if wrong:
        assert cohort.folder is not None
        cohort = read(cohort.folder, chain=(_Clip(), Grayscale()))
    rows = cohort.rows()
    return score(rows, predict(rows))


def micro_f1(cohort: Cohort, *, wrong: bool) -> Scores:
    """Micro F1, which equals accuracy if a sample has one label, is reported as F1."""
    rows = cohort.rows()
    right = score(rows, predict(rows))
    return right._replace(f1=right.accuracy) if wrong else right


def best_epoch_of_test(cohort: Cohort, *, wrong: bool) -> Scores:
    """The epoch is the best one on the test rows; without the mistake, held-out training patients choose it."""
    from sklearn.neural_network import MLPClassifier

    rows = cohort.rows()
    P = np.zeros((len(rows.y), rows.classes))
    for train, test in rows.parts():
        held = np.isin(rows.patient[train], np.unique(rows.patient[train])[::5])
        X, chosen_on = standardise(rows.X, train[~held]), test if wrong else train[held]
        network = MLPClassifier((64,), learning_rate_init=1e-3, random_state=0)
        epochs = []
        for _ in range(EPOCHS):
            network.partial_fit(X[train[~held]], rows.y[train[~held]], classes=np.arange(rows.classes))
            right = (network.predict(X[chosen_on]) == rows.y[chosen_on]).mean()
            epochs.append((right, network.predict_proba(X[test])))
        P[test] = max(epochs, key=lambda epoch: epoch[0])[1]
    return score(rows, P)


def labels_by_row_order(cohort: Cohort, *, wrong: bool) -> Scores:
    """Two tables are joined by row order: embeddings are sorted by study, labels by level."""
    if wrong:
        by_study = cohort.samples.sort_values(KEYS)
        by_level = cohort.samples.sort_values(KEYS[::-1])
        samples = by_study.assign(y=by_level["y"].to_numpy()).loc[cohort.samples.index]
        cohort = replace(cohort, samples=samples)
    rows = cohort.rows()
    return score(rows, predict(rows))


FLAWS: tuple[Callable[..., Scores], ...] = (
    class_dropped,
    merged_on_study,
    folds_by_row,
    scaler_before_split,
    smote_before_split,
    untrained_attention,
    clipped_to_8_bit,
    micro_f1,
    best_epoch_of_test,
    labels_by_row_order,
)


@dataclass(frozen=True, kw_only=True)
class _Clip(ImageStep):
    def __call__(self, image: Image) -> Image:
        return replace(image, pixels=np.clip(image.pixels, 0, 255))


def _untrained(tokens: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Vectors `(n, F)` from tokens `(n, T, F)`."""
    random = np.random.default_rng(0)
    layer = random.normal(size=tokens.shape[2]) / np.sqrt(tokens.shape[2])
    spread = tokens[present].std(axis=0) + 1e-6
    logits = np.where(present, (tokens / spread) @ layer, -np.inf)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    vectors = np.einsum("nt,ntf->nf", weights / weights.sum(axis=1, keepdims=True), tokens)
    return (2 * vectors * (random.random(vectors.shape) < 0.5)).astype(np.float32)


def _folds_of_rows(y: np.ndarray) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    fold = np.zeros(len(y), dtype=np.int64)
    for i, (_, test) in enumerate(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(y, y)):
        fold[test] = i
    return fold
