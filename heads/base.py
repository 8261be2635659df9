"""The contract of a head, and what is done once for all of them: inner folds, balance, calibration, tuning, weights."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from data.describing.plug_in import Description, PlugIn
from heads.fitting.calibration import Calibration, Calibrator, calibrate
from heads.fitting.parts import Float32, Float64, Labels, Part
from heads.fitting.thresholds import ARGMAX, choose
from heads.fitting.training import Balance, Refits, Training

__all__ = [
    "Balance",
    "Calibration",
    "Features",
    "FittedHead",
    "Float32",
    "Float64",
    "Head",
    "Labels",
    "Part",
    "Refits",
    "Rows",
    "Training",
]

Features = Literal["all", "own", "location", "presence", "none"]

SMALLEST = 1e-12  # a probability of 0 has log-odds of -28, not -inf


class Rows(NamedTuple):
    """What a classifier is fitted on, or stops by: X `(r, F)`, labels `(r,)` in `range(k)`, weights `(r,)` or None."""

    X: Float32
    y: Labels
    weights: Float64 | None


@dataclass(frozen=True, kw_only=True)
class Head(PlugIn):
    """Features to probabilities of the classes. A plug-in is a frozen keyword-only dataclass with a `build`.

    Class variables: `features` says what X holds: the embedding with its table columns (`"all"`), the probabilities
    `(n, K)` of a fusion that was trained with labels (`"own"`), the one-hot locating columns (`"location"`), which
    sequences a sample has, `(n, S)` (`"presence"`), or nothing, `(n, 0)`; `weighted` says that the classifier takes
    `sample_weight`; `balanced` is False for a head that ignores the balance step; `lane` is where the engine runs it.

    Probabilities of a fit on balanced rows are of another prior than the scans': unless it is calibrated, such a fit
    also gets a sigmoid learnt on real held-out rows of inner folds (`FittedHead.recalibrated`).

    On features that were trained with labels (`Training.refits`) a head is always calibrated, by `"sigmoid"` where
    `calibration` is `"none"`; and one that stops early stops where it does on rows that the inner refits have not seen.

    Args:
        calibration: `"none"`, `"sigmoid"` (Platt) or `"temperature"`, learnt on held-out rows of inner folds.
        tune: Fields with the values to try, such as `{"C": [0.01, 0.1, 1]}`; every combination is scored by the
            macro one-vs-rest AUC on the same inner folds, the first of the best is taken.
    """

    features: ClassVar[Features] = "all"
    weighted: ClassVar[bool] = True
    balanced: ClassVar[bool] = True
    lane: ClassVar[Literal["cpu", "torch"]] = "cpu"

    calibration: Calibration = "none"
    tune: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def stops(self) -> bool:
        """Whether the fit stops early, by rows of other patients, which `train` then gets."""
        return False

    def stopped_at(self, classifier: Any) -> Mapping[str, Any]:
        """For a head that stops: the fields that let a fit last as many rounds as this one, without stopping."""
        raise NotImplementedError(f"{type(self).__name__} stops early, but does not say where: give it `stopped_at`")

    def nested(self) -> tuple[Head, ...]:
        """The heads that this one is built around."""
        return ()

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """A classifier as scikit-learn has them: `fit`, and `predict_proba` or `decision_function`.

        Labels come without gaps, from 0. `"cuda"` as device is taken by those that can.
        """
        raise NotImplementedError

    def train(self, classifier: Any, rows: Rows, validation: Rows | None) -> None:
        """Fits the classifier; overridden where weights or validation rows go by other names."""
        weights = {} if rows.weights is None else {"sample_weight": rows.weights}
        classifier.fit(rows.X, rows.y, **weights)

    def learn(self, part: Part, *, seed: int, threads: int, device: str) -> Any:
        """A classifier fitted on a part of the training rows."""
        classifier = self.build(seed=seed, threads=threads, device=device)
        held: Labels | None = None
        if self.stops:
            part, held = part.stopping()
        X, labels = part.balanced()
        weights = part.class_weights(labels)

        def rows(X: Float32, y: Labels) -> Rows:
            return Rows(X, y, None if weights is None else weights[y])

        training = part.training
        validation = None if held is None else rows(training.X[held], training.labels[held])
        self.train(classifier, rows(X, labels), validation)
        return classifier

    def score(self, classifier: Any, part: Part, rows: Labels) -> Float64:
        """The scores `(m, k)` of real rows that the classifier, fitted on `part`, has not seen."""
        return scores(classifier, part.training.X[rows])

    def refuses(self, balance: Balance | None) -> str | None:
        """Why this head can't be fitted with this balance or as it is configured; None if it can."""
        name = type(self).__module__.rpartition(".")[2]
        tunable = [f.name for f in fields(self) if f.name not in ("calibration", "tune")]
        if self.calibration not in get_args(Calibration):
            return f"{name}: calibration ({self.calibration}) must be one of {', '.join(get_args(Calibration))}"
        for key, values in self.tune.items():
            if key not in tunable:
                return f"{name} has no field '{key}' to tune: there is {', '.join(tunable) or 'none'}"
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                return f"{name}: tune of {key} ({values!r}) must list values, such as [{values!r}]"
        if self.balanced and balance is not None and balance.weights and not self.weighted:
            return f"{name} takes no sample weights, which this balance gives: use one that resamples, or none"
        return None

    def memory(self, samples: int, features: int) -> int:
        """About the most bytes that a fit on so many training rows needs."""
        return 8 * samples * features

    def fit(self, training: Training, *, seed: int, threads: int = 1, device: str = "cpu") -> FittedHead:
        """Tunes, calibrates, chooses a threshold and fits.

        Raises:
            ValueError: The head refuses the balance, one class is alone, or one has too few patients for inner folds.
        """
        if reason := self.refuses(training.balance):
            raise ValueError(reason)
        present = training.present
        if len(present) < 2 and self.features != "none":
            raise ValueError(f"the training rows hold class {present[0]} alone: use fewer folds or merge classes")
        if not self.balanced:
            training = training.unbalanced()
        where: dict[str, Any] = {"seed": seed, "threads": threads, "device": device}
        calibration = self.calibration
        if calibration == "none" and self.features == "all" and training.refits is not None:
            calibration = "sigmoid"
        head, chosen, held_out = (
            self._tuned(training, where) if self.tune else (self._settled(training, where), {}, None)
        )
        calibrator, threshold = None, None
        thresholds = training.threshold != ARGMAX and self.features != "none"
        if calibration != "none" or thresholds:
            held_out = head._held_out(training, where) if held_out is None else held_out
            known = training.held_out()
            seen, labels = held_out[known], training.labels[known]
            calibrator = None if calibration == "none" else calibrate(calibration, seen, labels)
            if thresholds:
                p = probabilities(seen) if calibrator is None else calibrator(seen)
                threshold = choose(training.threshold, labels == 1, p[:, 1])
        classifier = head.learn(training.whole(), **where)
        fitted = FittedHead(classifier, calibrator, present, training.classes, chosen, threshold)
        if calibrator is not None or not training.rebalanced or self.features == "none":
            return fitted
        return head._recalibrated(fitted, training, held_out, where)

    def _recalibrated(
        self, fitted: FittedHead, training: Training, held_out: Float64 | None, where: dict[str, Any]
    ) -> FittedHead:
        """With a sigmoid learnt on real held-out rows; where these can't be scored, with the reason among `chosen`."""
        try:
            held_out = self._held_out(training, where) if held_out is None else held_out
            known = training.held_out()
        except ValueError as error:
            return replace(fitted, chosen={**fitted.chosen, "not recalibrated": str(error)})
        calibrator = calibrate("sigmoid", held_out[known], training.labels[known])
        return replace(fitted, recalibrated=replace(fitted, calibrator=calibrator))

    def _tuned(self, training: Training, where: dict[str, Any]) -> tuple[Self, dict[str, Any], Float64]:
        best: tuple[float, Self, dict[str, Any], Float64] | None = None
        for values in itertools.product(*self.tune.values()):
            chosen = dict(zip(self.tune, values, strict=True))
            head = replace(self, tune={}, **chosen)._settled(training, where)
            held_out = head._held_out(training, where)
            auc = float(np.mean([_macro_auc(training.labels[rows], held_out[rows]) for _, rows in training.folds()]))
            if best is None or auc > best[0]:
                best = auc, head, chosen, held_out
        assert best is not None
        return best[1:]

    def _settled(self, training: Training, where: dict[str, Any]) -> Self:
        """This head, or on features that were trained with labels one that lasts as long as its fits on refits did.

        Rows that such features were trained on can't say when to stop: they look better the longer a fit lasts.
        """
        if training.refits is None or not self.stops:
            return self
        ends = [self.stopped_at(self.learn(replace(part, stop_by=held), **where)) for part, held in training.folds()]
        lasting: dict[str, Any] = {name: int(np.median([end[name] for end in ends])) for name in ends[0]}
        return replace(self, **lasting)

    def _held_out(self, training: Training, where: dict[str, Any]) -> Float64:
        held_out = np.empty((len(training.y), len(training.present)))
        for part, rows in training.folds():
            held_out[rows] = self.score(self.learn(part, **where), part, rows)
        return held_out

    def describe(self) -> Description:
        """With its calibration, and whether it stops early."""
        found = super().describe()
        how, cites = {
            "sigmoid": (", calibrated by Platt's sigmoid on inner folds", ("platt1999",)),
            "temperature": (", calibrated by a temperature on inner folds", ("guo2017",)),
        }.get(self.calibration, ("", ()))
        return replace(
            found,
            words=found.words and found.words + how,
            cites=(*found.cites, *cites),
            learns="labels",
            stops_early=self.stops,
        )


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head that is ready to predict.

    Args:
        classifier: Fitted on all training rows.
        calibrator: Learnt on inner folds, or None.
        present: The classes that the training rows had, `(k,)`.
        classes: The number of classes of the target, K.
        chosen: The tuned fields with their values.
        threshold: Of two classes class 1 is called at and above this probability; None calls the more probable class.
        recalibrated: The same classifier with a sigmoid that undoes what balanced rows do to its probabilities; None
            where it was fitted on real rows or is calibrated.
    """

    classifier: Any
    calibrator: Calibrator | None
    present: Labels
    classes: int
    chosen: Mapping[str, Any]
    threshold: float | None = None
    recalibrated: FittedHead | None = None

    def predict_proba(self, X: Float32) -> Float64:
        """Probabilities `(m, K)` float64 of rows `(m, F)`; 0 for a class that the training rows lacked."""
        p = self.calibrator(scores(self.classifier, X)) if self.calibrator else self.classifier.predict_proba(X)
        p = np.asarray(p, dtype=np.float64)
        out = np.zeros((len(p), self.classes))
        out[:, self.present] = p / p.sum(axis=1, keepdims=True)
        return out


def scores(classifier: Any, X: Float32) -> Float64:
    """One-vs-rest scores `(m, k)`: the log-odds of its probabilities, or decision values where it has none."""
    if hasattr(classifier, "predict_proba"):
        p = np.asarray(classifier.predict_proba(X), dtype=np.float64)
        rest = np.column_stack([np.delete(p, c, axis=1).sum(axis=1) for c in range(p.shape[1])])
        return np.asarray(np.log(np.maximum(p, SMALLEST)) - np.log(np.maximum(rest, SMALLEST)))
    decision = np.asarray(classifier.decision_function(X), dtype=np.float64)
    return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision


def probabilities(scores: Float64) -> Float64:
    """The probabilities `(m, 2)` of two classes whose log-odds are `scores` `(m, 2)`."""
    from scipy.special import expit

    p = expit(scores[:, 1])
    return np.column_stack([1 - p, p])


def _macro_auc(labels: Labels, held_out: Float64) -> float:
    """The mean one-vs-rest AUC over the classes that these rows can tell from the rest."""
    from sklearn.metrics import roc_auc_score

    def told(positive: NDArray[np.bool_]) -> bool:
        return bool(positive.any() and not positive.all())

    columns = [c for c in range(held_out.shape[1]) if told(labels == c)]
    return float(np.mean([roc_auc_score(labels == c, held_out[:, c]) for c in columns])) if columns else 0.5
