"""A phantom in RSNA's layout as arrays, made by the project's own reading, regions, encoders, folds and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.plan.splits import make_folds
from bench.stages.crops import ImageChain, cut_study
from bench.stages.features import standardise
from bench.stages.fits import fit_and_predict
from data.rsna import Rsna
from encoders.base import Tokens
from encoders.raw_pixels import RawPixels
from heads.base import BalanceStep, TrainingSet
from heads.logistic import Logistic
from preprocessing.images.grayscale import Grayscale
from preprocessing.regions.point import Point
from results.statistics.evaluate import evaluate
from results.statistics.metrics import METRICS

TARGET = "neural_foraminal_narrowing"
SEQUENCE = "sagittal_t1"
KEYS = ["study", "side", "level"]
FOLDS = 5
USUAL: ImageChain = (Grayscale(),)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows to predict: X `(n, F)` float32, y `(n,)` in `range(classes)`, and each row's test fold `(n,)`."""

    X: np.ndarray
    y: np.ndarray
    patient: np.ndarray
    fold: np.ndarray
    classes: int

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The training and the test rows of each fold."""
        for fold in np.unique(self.fold):
            yield np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)


class Scores(NamedTuple):
    """The scores in a paper's table; `majority` is the share of the largest class, an accuracy without knowledge."""

    n: int
    majority: float
    accuracy: float
    f1: float
    auc: float


@dataclass(frozen=True, eq=False)
class Cohort:
    """Samples with their embeddings.

    Args:
        samples: Index `sample`; columns `patient`, `study`, `side`, `level`, and `y`, the class index.
        tokens: The embedding of each sample, with one token per slice.
        classes: The number of classes.
        folder: The folder of the phantom, to read it in another way; None if the samples are from no phantom.
    """

    samples: pd.DataFrame
    tokens: Tokens
    classes: int
    folder: Path | None = None

    @property
    def y(self) -> np.ndarray:
        """The class index, `(n,)` int64."""
        return self.samples["y"].to_numpy(dtype=np.int64)

    @property
    def patient(self) -> np.ndarray:
        """`(n,)` str."""
        return self.samples["patient"].to_numpy(dtype=str)

    def fold(self) -> np.ndarray:
        """The fold of each sample; each patient is in one fold."""
        folds = make_folds(self.samples, "y", folds=FOLDS, repeats=1, seed=0)
        return folds.set_index("patient")["fold"].loc[self.patient].to_numpy()

    def rows(self, X: np.ndarray | None = None) -> Rows:
        """The samples as they should be predicted, with the means over slices or with other features `(n, F)`."""
        return Rows(self.tokens.means()[0] if X is None else X, self.y, self.patient, self.fold(), self.classes)


def read(folder: Path, *, chain: ImageChain = USUAL) -> Cohort:
    """The foramina of a phantom in T1, five slices around each annotated point.

    Args:
        folder: What `data.phantom.write_rsna_phantom` wrote.
        chain: The image steps.
    """
    dataset = Rsna(folder=str(folder), sequences=(SEQUENCE,))
    target = next(t for t in dataset.targets() if t.name == TARGET)
    samples = dataset.samples().query(f"condition == '{TARGET}'")
    samples = samples.assign(y=samples[target.column].map(target.classes.index))
    crops, shown = [], []
    for study, of_study in samples.groupby("study", sort=False):
        wanted = of_study.reset_index().to_dict("records")
        cut = cut_study(dataset, str(study), SEQUENCE, wanted, {"": (Point(size=(36.0, 36.0)), chain)})[""]
        shown += [sample["sample"] for sample, entry in zip(wanted, cut.entry, strict=True) if entry >= 0]
        crops += [cut.images[entry] for entry in cut.entry if entry >= 0]
    fitted = RawPixels(size=16).fit([], None, groups=np.array([], dtype=str), seed=0, device="cpu")
    return Cohort(samples.loc[shown], as_tokens(list(fitted.encode(crops))), len(target.classes), folder)


def as_tokens(embeddings: list[np.ndarray]) -> Tokens:
    """Tokens from one `(t, F)` embedding per sample."""
    most = max(map(len, embeddings))
    values = np.stack([np.pad(e, ((0, most - len(e)), (0, 0))) for e in embeddings])
    present = np.arange(most) < np.array([len(e) for e in embeddings])[:, None]
    return Tokens(values, present, np.arange(len(embeddings)))


def predict(rows: Rows, *, balance: BalanceStep | None = None, scale: bool = True) -> np.ndarray:
    """Probabilities `(n, K)` of all rows, each by a logistic regression fitted on the other folds."""
    P = np.zeros((len(rows.y), rows.classes))
    for train, test in rows.parts():
        X = standardise(rows.X, train) if scale else rows.X
        training = TrainingSet(X[train], rows.y[train], rows.patient[train], rows.classes, balance)
        there = np.ones((1, len(test)), dtype=bool)
        P[test] = fit_and_predict(Logistic(), [training], [X[test]], there, seed=0, threads=1, device="cpu").P
    return P


def score(rows: Rows, P: np.ndarray) -> Scores:
    """The scores of probabilities `(n, K)`."""
    where = {"repeat": np.zeros_like(rows.y), "fold": rows.fold}
    found = (evaluate(METRICS[name], rows.y, P, **where).value for name in ("accuracy", "f1", "auc"))
    return Scores(len(rows.y), float(np.bincount(rows.y).max() / len(rows.y)), *found)
