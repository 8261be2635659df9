"""Numbers the levels of a spine together: they are counted from the lowest up, one spacing after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.base import Float64
from preprocessing.regions.localisation.marks import PointKind
from preprocessing.regions.localisation.peaks import Peaks

LEVEL = "level"  # the column by which marks lie one above the other
FEWEST = 3  # studies that a spacing is learnt from
SOFTEST = 5.0  # mm: the least standard deviation of a spacing along each axis
OTHER = 0.2  # share of a level's probability that lies wherever the networks see a level of this spine
LOWEST = 3.0  # weight of where the networks see the lowest level: the sacrum is below it alone
SHARP = 0.5  # least mean probability around the peaks: flatter maps have a mean place, but no peak that counts
TINY = 1e-12
SURE = 0.95  # the most that a peak is believed
APART = 0.6  # steps between two peaks that are of two discs


@dataclass(frozen=True, eq=False)
class LevelChain:
    """The marks of one spine, such as those of a condition and side, from the lowest level up.

    Args:
        marks: `(K,)` their places among the marks of a finder.
        step: `(K - 1, 3)` mean LPS mm from each mark to the next one.
        spread: `(K - 1, 3, 3)` covariance of these steps, mm^2.
    """

    marks: NDArray[np.int64]
    step: Float64
    spread: Float64

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> LevelChain:
        """Reads what `plain` gave."""
        step, spread = (np.asarray(kept[name], dtype=np.float64) for name in ("step", "spread"))
        return cls(np.asarray(kept["marks"], dtype=np.int64), step, spread)

    def plain(self) -> dict[str, Any]:
        """The chain as lists, for a JSON file."""
        return {"marks": self.marks.tolist(), "step": self.step.tolist(), "spread": self.spread.tolist()}


def chains_of(marks: Sequence[PointKind], places: Sequence[Float64]) -> list[LevelChain]:
    """The chains that can be learnt from training patients.

    Marks that differ in their level alone form a chain; there is none where the steps of too few patients are known.

    Args:
        marks: The M marks.
        places: `(M, 3)` LPS mm for each scan; NaN where a mark has no point.
    """
    groups: defaultdict[PointKind, list[int]] = defaultdict(list)
    for i, mark in enumerate(marks):
        if LEVEL in dict(mark):
            groups[tuple(pair for pair in mark if pair[0] != LEVEL)].append(i)
    known = np.stack(places)
    chains = []
    for group in groups.values():
        ordered = _from_below(np.asarray(group), known)
        steps = np.diff(known[:, ordered], axis=1)
        counts = np.isfinite(steps).all(axis=2).sum(axis=0)
        if len(ordered) < 2 or counts.min() < FEWEST:
            continue
        seen = [one[np.isfinite(one).all(axis=1)] for one in steps.transpose(1, 0, 2)]
        spread = np.stack([np.cov(one.T) + SOFTEST**2 * np.eye(3) for one in seen])
        chains.append(LevelChain(ordered, np.stack([one.mean(axis=0) for one in seen]), spread))
    return chains


def _from_below(group: NDArray[np.int64], places: Float64) -> NDArray[np.int64]:
    """A group of marks in the order of their mean height in the scans `(n, M, 3)`; a scan may lack some of them."""
    heights = places[:, group, 2]
    above = np.array([[_mean(heights[:, i] - heights[:, j]) for j in range(len(group))] for i in range(len(group))])
    return group[np.argsort((above > 0).sum(axis=1), kind="stable")]


def _mean(values: Float64) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def counted(chain: LevelChain, peaks: Peaks, places: Float64, *, lowest: int | None = None) -> NDArray[np.int64] | None:
    """The peak of each level, -1 for levels below `lowest`; None if the maps have no peaks that count.

    The levels are numbered together: each lies about where the one below it expects it. The lowest level weighs most.
    Every other level may lie wherever the networks see any level.

    Args:
        chain: The chain of K levels.
        peaks: C peaks of its maps.
        places: `(C, 3)` LPS mm of the peaks.
        lowest: The place in the chain of the lowest level that the scan shows, if somebody says so; then this level is
            a disc without another one below it, whichever levels the networks call them.
    """
    if not len(places) or (lowest is None and peaks.there.max(axis=1).mean() < SHARP):
        return None
    any_level = peaks.likely.max(axis=0)
    log_p = np.log((1 - OTHER) * peaks.likely + OTHER * any_level + TINY)
    log_p[0] *= LOWEST
    if lowest is None:
        return best_path(chain, log_p, places)
    up = chain.step.mean(axis=0)
    height = places @ up / np.linalg.norm(up)
    disc = peaks.there.max(axis=0).clip(max=SURE)
    below = height[None] < height[:, None] - APART * np.linalg.norm(up)
    first = np.log(disc + TINY) + LOWEST * np.log(1 - np.where(below, disc, 0).max(axis=1))
    rest = np.repeat(np.log(any_level + TINY)[None], len(chain.marks) - lowest - 1, axis=0)
    above = LevelChain(chain.marks[lowest:], chain.step[lowest:], chain.spread[lowest:])
    path = best_path(above, np.concatenate([first[None], rest]), places)
    return np.concatenate([np.full(lowest, -1), path])


def best_path(chain: LevelChain, log_p: Float64, places: Float64) -> NDArray[np.int64]:
    """The likeliest candidate of each level, given where its neighbours lie (Viterbi's algorithm).

    Args:
        chain: The chain of K levels.
        log_p: `(K, C)` the logarithm of each level's probability at each candidate.
        places: `(C, 3)` LPS mm of the candidates.

    Returns:
        `(K,)` the candidates. No two levels share one, and each lies about where the one below it expects it.

    References:
        G. D. Forney, The Viterbi algorithm, Proceedings of the IEEE 61, 1973, doi:10.1109/PROC.1973.9030.
    """
    steps = places[None] - places[:, None]
    score, before = log_p[0], []
    for mean, spread, here in zip(chain.step, chain.spread, log_p[1:], strict=True):
        off = steps - mean
        likely = -0.5 * np.einsum("ijk,kl,ijl->ij", off, np.linalg.inv(spread), off)
        np.fill_diagonal(likely, -np.inf)
        reached = score[:, None] + likely
        before.append(reached.argmax(axis=0))
        score = reached.max(axis=0) + here
    path = [int(score.argmax())]
    for pointer in reversed(before):
        path.append(int(pointer[path[-1]]))
    return np.asarray(path[::-1])
