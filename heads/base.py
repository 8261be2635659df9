"""The contract of a head, and what all heads share: inner folds, balance, calibration, tuning, weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

import numpy as np

from data.base import Float32, Float64, Int64
from data.describing.plug_in import Description, PlugIn
from data.text.names import nearest
from heads.fitting.calibration import Calibration, calibrate
from heads.fitting.class_weights import RULES, choose_weights, prior_weights
from heads.fitting.fitted import FittedHead
from heads.fitting.scores import fitness, probabilities, scores
from heads.fitting.thresholds import ARGMAX, choose
from heads.fitting.training import BalanceStep, InnerRefits, TrainingSet, TrainingSubset

__all__ = [
    "BalanceStep",
    "Calibration",
    "FittedHead",
    "Float32",
    "Float64",
    "Head",
    "InnerRefits",
    "Int64",
    "LabelledRows",
    "TrainingSet",
    "TrainingSubset",
]


class LabelledRows(NamedTuple):
    """Rows that a classifier is fitted on, or stops by: X `(r, F)`, y `(r,)` in `range(k)`, weights `(r,)` or None."""

    X: Float32
    y: Int64
    weights: Float64 | None


@dataclass(frozen=True, kw_only=True)
class Head(PlugIn):
    """Features to probabilities of the classes. A plug-in is a frozen keyword-only dataclass with a `build`.

    Class variables name what the head's X holds; at most one of them is true:

    - `reads_embedding`: the embedding with its table columns, `(n, F)`. This is the default.
    - `reads_own_probabilities`: the probabilities of an encoder or a fusion that was trained with labels, `(n, K)`.
    - `reads_locations`: the one-hot columns that locate a sample.
    - `reads_presence`: which sequences a sample has, `(n, S)`.
    - `reads_clinical`: the clinical columns, as numbers, `(n, F)`.

    With none of them X is `(n, 0)`. A floor may make its features itself, by the steps that `features_by` names: a
    plug-in with its fields for each axis. Such a floor has a cell for each region, under the first image chain of the
    grid. `weighted` is true where the classifier takes `sample_weight`, `balanced` is False
    for a head that ignores the balance step, and `lane` is where the engine runs the head. `in_every_grid` is the
    place of a head among those that every grid has, whether it names them or not; None for all other heads.

    A fit on balanced rows gives probabilities of another prior than the scans have. Unless the head is calibrated, such
    a fit also gets a sigmoid that is learnt on real held-out rows of inner folds (`FittedHead.recalibrated`).

    On features that were trained with labels (`TrainingSet.refits`) a head is always calibrated, by `"sigmoid"` where
    `calibration` is `"none"`. If it stops early, it stops by rows that the inner refits have not seen.

    Args:
        calibration: `"none"`, `"sigmoid"` (Platt) or `"temperature"`, learnt on held-out rows of inner folds.
        tune: Fields with the values to try, such as `{"C": [0.01, 0.1, 1]}`. Every combination is scored by the macro
            one-vs-rest AUC on the same inner folds, or by `tuned_by`; of equal ones the lowest log loss is taken.
    """

    reads_embedding: ClassVar[bool] = True
    reads_own_probabilities: ClassVar[bool] = False
    reads_locations: ClassVar[bool] = False
    reads_presence: ClassVar[bool] = False
    reads_clinical: ClassVar[bool] = False
    features_by: ClassVar[Mapping[str, tuple[str, Mapping[str, Any]]]] = {}
    weighted: ClassVar[bool] = True
    balanced: ClassVar[bool] = True
    lane: ClassVar[Literal["cpu", "torch"]] = "cpu"
    in_every_grid: ClassVar[int | None] = None
    tuned_by: ClassVar[Literal["auc", "log_loss"]] = "auc"

    calibration: Calibration = "none"
    tune: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses numbers that no fit can use: each is finite and above 0, or its default where that is lower.

        Raises:
            ValueError: A field or a value of `tune` is out of range.
        """
        for one in fields(self):
            least = min(0.0, one.default) if isinstance(one.default, int | float) else 0.0
            zero = one.default == 0 or one.name == "patience"  # which does not stop early at 0
            tried = self.tune.get(one.name, ())
            for value in (getattr(self, one.name), *(tried if isinstance(tried, list | tuple) else ())):
                for number in value if isinstance(value, tuple | list) else (value,):
                    if not isinstance(number, int | float) or number is True or (number == 0 and zero):
                        continue
                    if not (math.isfinite(number) and number > least):
                        raise ValueError(f"{one.name} ({number}) must be {'0 or ' * zero}above {least:g}")

    @classmethod
    def is_floor(cls) -> bool:
        """Whether others are compared with this head: it reads nothing of the scan, or features of its own."""
        return bool(cls.features_by) or not cls.reads_images()

    @classmethod
    def reads_images(cls) -> bool:
        """Whether the head reads what is made from images."""
        return cls.reads_embedding or cls.reads_own_probabilities

    @classmethod
    def reads_nothing(cls) -> bool:
        """Whether X has no features, so that all rows get the same prediction or a random one."""
        return not (cls.reads_images() or cls.reads_locations or cls.reads_presence or cls.reads_clinical)

    def needs_refits(self, threshold: str) -> bool:
        """Whether a fit on features that were trained with labels needs inner refits of what was trained.

        Args:
            threshold: As in `TrainingSet`.
        """
        return self.reads_embedding or self.calibration != "none" or threshold != ARGMAX

    @property
    def stops(self) -> bool:
        """Whether the fit stops early. `train` then gets rows of other patients to stop by."""
        return False

    def stopped_at(self, classifier: Any) -> Mapping[str, Any]:
        """For a head that stops early: the fields that make another fit last as long as this one, without stopping."""
        raise NotImplementedError(f"{type(self).__name__} stops early, so it needs a method `stopped_at`")

    def nested(self) -> tuple[Head, ...]:
        """The heads that this one is built around."""
        return ()

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """A classifier as in scikit-learn, with `fit`, and `predict_proba` or `decision_function`.

        Its labels have no gaps and start at 0. A classifier that can compute on a GPU does so where the device is
        `"cuda"`; the others ignore it.
        """
        raise NotImplementedError

    def train(self, classifier: Any, rows: LabelledRows, validation: LabelledRows | None) -> None:
        """Fits the classifier. Override it where the classifier takes weights or validation rows by other names."""
        weights = {} if rows.weights is None else {"sample_weight": rows.weights}
        classifier.fit(rows.X, rows.y, **weights)

    def learn(self, subset: TrainingSubset, *, seed: int, threads: int, device: str) -> Any:
        """A classifier fitted on a subset of the training rows."""
        classifier = self.build(seed=seed, threads=threads, device=device)
        held: Int64 | None = None
        if self.stops:
            subset, held = subset.stopping()
        X, labels = subset.balanced()
        weights = subset.class_weights(labels)

        def rows(X: Float32, y: Int64) -> LabelledRows:
            return LabelledRows(X, y, None if weights is None else weights[y])

        training = subset.training
        validation = None if held is None else rows(training.X[held], training.labels[held])
        self.train(classifier, rows(X, labels), validation)
        return classifier

    def score(self, classifier: Any, subset: TrainingSubset, rows: Int64) -> Float64:
        """The scores `(m, k)` of real rows that the classifier, fitted on `subset`, has not seen."""
        return scores(classifier, subset.training.X[rows])

    def refuses(self, balance: BalanceStep | None) -> str | None:
        """Why this head can't be fitted as it is configured or with this balance; None if it can."""
        name = type(self).__module__.rpartition(".")[2]
        tunable = [f.name for f in fields(self) if f.name not in ("calibration", "tune")]
        if self.calibration not in get_args(Calibration):
            return f"{name}: calibration ({self.calibration}) must be one of {', '.join(get_args(Calibration))}"
        for key, values in self.tune.items():
            if key not in tunable:
                return f"{name} has no field '{key}' to tune{nearest(key, tunable)}"
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                return f"{name}: tune of {key} ({values!r}) must be a list of values, such as [{values!r}]"
        if self.balanced and balance is not None and balance.weights and not self.weighted:
            return f"{name} takes no sample weights, but this balance gives them: use one that resamples, or none"
        return None

    def memory(self, samples: int, features: int) -> int:
        """The memory that a fit on so many training rows and features needs at most, in bytes; an estimate."""
        return 8 * samples * features

    def fit(self, training: TrainingSet, *, seed: int, threads: int = 1, device: str = "cpu") -> FittedHead:
        """Tunes, calibrates, chooses a threshold and fits.

        Raises:
            ValueError: The head refuses the balance, there is a single class, or a class has too few patients for inner
                folds.
        """
        if reason := self.refuses(training.balance):
            raise ValueError(reason)
        present = training.present
        if len(present) < 2 and not self.reads_nothing():
            raise ValueError(f"the training rows hold only class {present[0]}: use fewer folds or merge classes")
        if not self.balanced:
            training = training.unbalanced()
        where: dict[str, Any] = {"seed": seed, "threads": threads, "device": device}
        calibration = self.calibration
        if calibration == "none" and self.reads_embedding and training.refits is not None:
            calibration = "sigmoid"
        head, chosen, held_out = (
            self._tuned(training, where) if self.tune else (self._settled(training, where), {}, None)
        )
        calibrator, threshold, weights = None, None, None
        rule = ARGMAX if self.reads_nothing() else training.threshold
        if calibration != "none" or rule not in (ARGMAX, "priors"):
            held_out = head._held_out(training, where) if held_out is None else held_out
            known = training.held_out()
            seen, labels = held_out[known], training.labels[known]
            calibrator = None if calibration == "none" else calibrate(calibration, seen, labels)
            p = probabilities(seen) if calibrator is None else calibrator(seen)
            if rule in RULES:
                weights = choose_weights(rule, labels, p)
            elif rule != ARGMAX:
                threshold = choose(rule, labels == 1, p[:, 1])
        if rule == "priors":
            weights = prior_weights(training.priors if calibrator is None else training.real_priors)
        classifier = head.learn(training.whole(), **where)
        fitted = FittedHead(classifier, calibrator, present, training.classes, chosen, threshold)
        if weights is not None:
            fitted = replace(fitted, weights=np.bincount(present, weights, training.classes).astype(np.float64))
        if calibrator is not None or not training.rebalanced or self.reads_nothing():
            return fitted
        return head._recalibrated(fitted, training, held_out, where)

    def _recalibrated(
        self, fitted: FittedHead, training: TrainingSet, held_out: Float64 | None, where: dict[str, Any]
    ) -> FittedHead:
        """The fitted head with a sigmoid learnt on real held-out rows, or with the reason why there is none.

        The reason is in `chosen`, where the held-out rows can't be scored.
        """
        try:
            held_out = self._held_out(training, where) if held_out is None else held_out
            known = training.held_out()
        except ValueError as error:
            return replace(fitted, chosen={**fitted.chosen, "not recalibrated": str(error)})
        calibrator = calibrate("sigmoid", held_out[known], training.labels[known])
        return replace(fitted, recalibrated=replace(fitted, calibrator=calibrator))

    def _tuned(self, training: TrainingSet, where: dict[str, Any]) -> tuple[Self, dict[str, Any], Float64]:
        best: tuple[tuple[float, float], Self, dict[str, Any], Float64] | None = None
        for values in itertools.product(*self.tune.values()):
            chosen = dict(zip(self.tune, values, strict=True))
            head = replace(self, tune={}, **chosen)._settled(training, where)
            held_out = head._held_out(training, where)
            fit = fitness(training.labels, held_out, [rows for _, rows in training.folds()], by=self.tuned_by)
            if best is None or fit > best[0]:
                best = fit, head, chosen, held_out
        assert best is not None
        return best[1:]

    def _settled(self, training: TrainingSet, where: dict[str, Any]) -> Self:
        """This head; on features trained with labels, a head that trains as long as the fits on refits did.

        Rows that such features were trained on don't show when to stop: they look better the longer a fit lasts.
        """
        if training.refits is None or not self.stops:
            return self
        ends = [
            self.stopped_at(self.learn(replace(subset, stop_by=held), **where)) for subset, held in training.folds()
        ]
        lasting: dict[str, Any] = {name: int(np.median([end[name] for end in ends])) for name in ends[0]}
        return replace(self, **lasting)

    def _held_out(self, training: TrainingSet, where: dict[str, Any]) -> Float64:
        held_out = np.empty((len(training.y), len(training.present)))
        for subset, rows in training.folds():
            held_out[rows] = self.score(self.learn(subset, **where), subset, rows)
        return held_out

    def describe(self) -> Description:
        """The description, with the calibration, and whether the head stops early."""
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
