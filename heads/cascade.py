"""Normal against degenerate, then how severe."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

import numpy as np

import heads
from data.describing.plug_in import Description
from data.text.names import closest, nearest
from heads.base import BalanceStep, FittedHead, Float32, Float64, Head, Int64, TrainingSet


@dataclass(frozen=True, kw_only=True)
class Cascade(Head):
    """Two stages of one head: class 0 against all others, then those others among themselves.

    The first stage gives the probability d that a sample is not of class 0, the second the probabilities q_1, q_2 ...
    of the other classes among such samples. The cascade gives (1 - d, d q_1, d q_2, ...). Each stage is balanced, tuned
    and calibrated on its own rows; those of the second are not of class 0. With two classes the cascade is the head
    itself. `calibration` and `tune`, where they are set, replace those of the head.

    Args:
        head: The head of both stages: its name, or its name with fields, such as `{svc: {C: 10}}`.

    References:
        E. Frank, S. Kramer, Ensembles of nested dichotomies for multi-class problems, ICML 2004,
        doi:10.1145/1015330.1015363.
    """

    words = "a cascade of two stages, the first class against all others and then these among themselves"
    cites = ("frank2004",)

    head: Any = "logistic"

    @property
    def weighted(self) -> bool:  # type: ignore[override]
        """Whether the head takes weights."""
        return self._stage().weighted

    @property
    def lane(self) -> Literal["cpu", "torch"]:  # type: ignore[override]
        """Where the head runs."""
        return self._stage().lane

    def nested(self) -> tuple[Head, ...]:
        """See `Head.nested`; empty where there is no such head."""
        if self.refuses(None):
            return ()
        return (self._stage(), *self._stage().nested())

    def build(self, *, seed: int, threads: int, device: str) -> Any:
        """See `Head.build`; the classifier of one stage."""
        return self._stage().build(seed=seed, threads=threads, device=device)

    def refuses(self, balance: BalanceStep | None) -> str | None:
        """See `Head.refuses`."""
        try:
            return self._stage().refuses(balance)
        except ValueError as error:
            return str(error)

    def memory(self, samples: int, features: int) -> int:
        """See `Head.memory`."""
        return self._stage().memory(samples, features)

    def fit(self, training: TrainingSet, *, seed: int, threads: int = 1, device: str = "cpu") -> FittedHead:
        """See `Head.fit`."""
        stage, present = self._stage(), training.present

        def fitted(name: str, rows: Int64, y: Int64, classes: int) -> FittedHead:
            try:
                return stage.fit(training.take(rows, y, classes), seed=seed, threads=threads, device=device)
            except ValueError as error:
                raise ValueError(f"stage {name}: {error}") from error

        if training.classes == 2 or len(present) < 2:
            return stage.fit(training, seed=seed, threads=threads, device=device)
        everyone, degenerate = np.arange(len(training.y)), np.flatnonzero(training.y > 0)
        first = (
            fitted("normal against the rest", everyone, (training.y > 0).astype(np.int64), 2)
            if present[0] == 0
            else None
        )
        others = present[present > 0]
        severity = "severity, which counts classes from the mildest", degenerate
        second = fitted(*severity, training.y[degenerate] - 1, training.classes - 1) if len(others) > 1 else None
        named = {"degenerate": first, "severity": second}
        chosen = {f"{field} of {name}": v for name, one in named.items() if one for field, v in one.chosen.items()}
        both = FittedHead(_Stages(first, second, present), None, present, training.classes, chosen)
        if not any(one and one.recalibrated for one in (first, second)):
            return both
        again = _Stages(first and (first.recalibrated or first), second and (second.recalibrated or second), present)
        return replace(both, recalibrated=replace(both, classifier=again))

    def _stage(self) -> Head:
        """The head of each stage.

        Raises:
            ValueError: There is no such head or field, or the head does not read the embedding.
        """
        named = {self.head: {}} if isinstance(self.head, str) else self.head
        if not isinstance(named, Mapping) or len(named) != 1:
            raise ValueError(f"cascade: head ({self.head!r}) must be a name or {{name: {{field: value}}}}")
        name, given = next((str(name), given or {}) for name, given in named.items())
        cls = _head_class(name)
        known = {f.name: f for f in fields(cls)}
        for field, value in given.items():
            if field not in known:
                raise ValueError(f"cascade: {name} has no field '{field}'{nearest(field, known)}")
            if isinstance(value, list | tuple) and not isinstance(known[field].default, tuple):
                raise ValueError(
                    f"cascade: {field} of {name} takes one value, not {list(value)}: write a cascade for each"
                )
        head: Head = cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
        if not head.reads_embedding:
            raise ValueError(f"cascade: {name} does not read the embedding: use a head that does, such as logistic")
        if self.calibration != "none":
            head = replace(head, calibration=self.calibration)
        return replace(head, tune=self.tune) if self.tune else head

    def describe(self) -> Description:
        """The description, with the words, literature and packages of the head of both stages."""
        found, stage = super().describe(), self._stage().describe()
        return replace(
            stage,
            words=f"{found.words}, each by {stage.words}" if stage.words else found.words,
            summary=found.summary,
            cites=(*found.cites, *stage.cites),
            packages=(*found.packages, *stage.packages),
        )


class _Stages:
    """Both stages as one classifier; a stage that had a single class is None."""

    def __init__(self, first: FittedHead | None, second: FittedHead | None, present: Int64) -> None:
        self.first, self.second, self.present = first, second, present

    def predict_proba(self, X: Float32) -> Float64:
        degenerate = self.first.predict_proba(X)[:, 1:] if self.first else np.ones((len(X), 1))
        others = self.present[self.present > 0]
        severity = self.second.predict_proba(X)[:, others - 1] if self.second else np.ones((len(X), 1))
        p = degenerate * severity
        return np.column_stack([1 - degenerate, p]) if self.first else p


def _head_class(name: str) -> Any:
    """The one public dataclass in a head's file, of the project or of a folder that a user added."""
    known = sorted(m.name for m in pkgutil.iter_modules(heads.__path__))
    module = importlib.import_module(f"heads.{name}") if name in known else None
    found = [c for c in vars(module).values() if _is_head(c, module.__name__)] if module else []
    if len(found) != 1:
        close = closest(name, known)
        hint = f"did you mean '{close}'?" if close else "`list heads` shows all heads"
        raise ValueError(f"cascade: no head '{name}': {hint}")
    return found[0]


def _is_head(thing: Any, module: str) -> bool:
    public = isinstance(thing, type) and thing.__module__ == module and not thing.__name__.startswith("_")
    return public and thing is not Head and issubclass(thing, Head) and is_dataclass(thing)
