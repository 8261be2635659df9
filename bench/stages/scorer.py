"""A fitted cell as a function from the crops of one sample to probabilities, for many changed crops at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.stages import own
from bench.stages.chain import Chain
from bench.stages.occlusion import Patches, log_odds
from data.base import Float32, Float64, Image
from encoders.base import FittedClassifier, FittedEncoder, Tokens

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 1 << 27  # bytes of tokens that are fused and graded at a time
SampleTokens = list[list[Float32 | None]]
"""For each encoder the tokens `(T, F)` of each sequence; None where the sample lacks the sequence."""


class Grades(NamedTuple):
    """What a cell gives some rows.

    Args:
        P: `(n, K)` probabilities.
        called: `(n,)` the class that is called, by the cell's threshold or weights if it has any.
    """

    P: Float64
    called: NDArray[np.int64]


class OccludedSample(NamedTuple):
    """The occlusion of one sample.

    Args:
        called: The class that the cell calls, whose log odds the maps are about.
        P: `(K,)` probabilities of the sample as it is.
        maps: For each sequence `(D, H, W)` float32: log odds of the called class, as they are minus with the place
            covered. Above 0 the place speaks for the class. None where the sample lacks the sequence.
        least: The lowest probability of the called class under any patch.
        patches: For each sequence the patches.
    """

    called: int
    P: Float64
    maps: tuple[Float32 | None, ...]
    least: float
    patches: tuple[Patches | None, ...]


@dataclass(frozen=True, eq=False)
class CellScorer:
    """A fitted cell.

    Args:
        encoders: For each encoder its fitted form for each sequence.
        widths: For each encoder the number of features of each sequence.
        chain: From their tokens to probabilities.
        classes: K.
    """

    encoders: Sequence[Sequence[FittedEncoder]]
    widths: Sequence[Sequence[int]]
    chain: Chain
    classes: int

    def tokens(self, crops: Sequence[Image | None]) -> SampleTokens:
        """The tokens of a sample, from its crop in each sequence."""
        return [
            [None if crop is None else next(iter(one.encode([crop]))) for one, crop in zip(each, crops, strict=True)]
            for each in self.encoders
        ]

    def grade(
        self,
        base: SampleTokens,
        columns: pd.DataFrame,
        sequence: int = 0,
        changed: Sequence[Sequence[Float32]] | None = None,
    ) -> Grades:
        """Grades a sample, or versions of it in which the tokens of one sequence are others.

        Args:
            base: Its tokens.
            columns: Its row `(1 row)`, with the columns that the table step reads.
            sequence: The sequence that is changed.
            changed: For each encoder the tokens `(T, F)` of the n versions; None grades the sample as it is.
        """
        n = 1 if changed is None else len(changed[0])
        sizes = [token.nbytes for each in (changed or base) for token in each if token is not None]
        step = max(1, CHUNK // max(1, len(self.encoders) * max(sizes, default=1)))
        parts = []
        for start in range(0, n, step):
            part = None if changed is None else [each[start : start + step] for each in changed]
            parts.append(self._grade(base, columns, sequence, part))
        P, called = zip(*parts, strict=True)
        return Grades(np.concatenate(P), np.concatenate(called))

    def _grade(
        self, base: SampleTokens, columns: pd.DataFrame, sequence: int, changed: Sequence[Sequence[Float32]] | None
    ) -> Grades:
        n = 1 if changed is None else len(changed[0])
        tokens = [
            [
                _stacked(token, changed[e] if changed is not None and s == sequence else (), width, n)
                for s, (token, width) in enumerate(zip(each, widths, strict=True))
            ]
            for e, (each, widths) in enumerate(zip(base, self.widths, strict=True))
        ]
        mine = [self._own(each, given) for each, given in zip(self.encoders, tokens, strict=True)]
        found = self.chain.predict(tokens, mine, columns.iloc[np.zeros(n, dtype=np.int64)])
        return Grades(found.P, found.P.argmax(axis=1) if found.called is None else found.called)

    def _own(self, each: Sequence[FittedEncoder], tokens: Sequence[Tokens]) -> Float64 | None:
        classifiers: list[FittedClassifier] = [one for one in each if hasattr(one, "log_probabilities")]  # type: ignore[misc]
        if len(classifiers) < len(each):
            return None
        return own.probabilities(tokens, [one.log_probabilities for one in classifiers], self.classes)

    def occlude(
        self, crops: Sequence[Image | None], columns: pd.DataFrame, side: float, means: Sequence[Float32 | None]
    ) -> OccludedSample:
        """Covers the crops of a sample patch by patch, one sequence after another, and grades each version.

        Args:
            crops: Its crop in each sequence; None where it has none.
            columns: As in `grade`.
            side: The side of a patch, mm.
            means: For each sequence the mean crop that replaces patches; None for a local blur.
        """
        base = self.tokens(crops)
        P, called = (found[0] for found in self.grade(base, columns))
        used: list[Patches | None] = []
        after: list[Float64] = []
        for s, (crop, mean) in enumerate(zip(crops, means, strict=True)):
            if crop is None:
                used.append(None)
                continue
            patches = Patches.of(crop, side)
            filling = patches.filling(crop, mean)
            changed = [
                _covered(each[s], crop, patches, filling, tokens[s])
                for each, tokens in zip(self.encoders, base, strict=True)
            ]
            after.append(self.grade(base, columns, s, changed).P)
            used.append(patches)
        every = np.concatenate([P[None], *after])
        odds = log_odds(every, int(called))
        parts = iter(np.split(odds[0] - odds[1:], np.cumsum([len(one) for one in after])[:-1]))
        maps = tuple(None if patches is None else patches.map(next(parts)) for patches in used)
        return OccludedSample(int(called), P, maps, float(every[:, called].min()), tuple(used))


def _stacked(token: Float32 | None, changed: Sequence[Float32], width: int, n: int) -> Tokens:
    """The tokens of n versions of a sample in one sequence: as they are, or changed."""
    found = ([] if token is None else [token]) + list(changed)
    values = np.zeros((len(found), max([1, *map(len, found)]), width), dtype=np.float32)
    present = np.zeros(values.shape[:2], dtype=bool)
    for i, one in enumerate(found):
        values[i, : len(one)], present[i, : len(one)] = one, True
    rows = np.full(n, -1) if token is None else np.arange(1, n + 1) if len(changed) else np.zeros(n, dtype=np.int64)
    return Tokens(values, present, rows.astype(np.int64))


def _covered(
    fitted: FittedEncoder, crop: Image, patches: Patches, filling: Float32, token: Float32 | None
) -> list[Float32]:
    """The tokens of the crop under each patch.

    Where a token depends on its own slice alone, only the slices that a patch covers are encoded again.
    """
    assert token is not None
    if not _alone(fitted, crop, patches, filling, token):
        return list(fitted.encode(patches.covered(crop, filling)))
    touched = [range(len(token))[window[0]] for window in patches.windows]

    def slices() -> Iterable[Image]:
        for one, here in zip(patches.covered(crop, filling), touched, strict=True):
            yield from (_slice(one, d) for d in here)

    encoded = fitted.encode(slices())
    found = []
    for here in touched:
        tokens = token.copy()
        for d in here:
            tokens[d] = next(encoded)[0]
        found.append(tokens)
    return found


def _alone(fitted: FittedEncoder, crop: Image, patches: Patches, filling: Float32, token: Float32) -> bool:
    """Whether the encoder gives a slice by itself the token that it gives the slice in its crop; tried on two crops."""
    slices = len(crop.pixels)
    if slices == 1 or len(token) != slices:
        return False
    middle = patches.windows[len(patches.windows) // 2]
    pixels = crop.pixels.copy()
    pixels[middle] = filling[middle]
    for one in (crop, replace(crop, pixels=pixels)):
        whole = token if one is crop else next(iter(fitted.encode([one])))
        single = np.concatenate(list(fitted.encode(_slice(one, d) for d in range(slices))))
        far = 1e-4 * max(float(np.nanstd(whole)), 1e-6)
        if single.shape != whole.shape or not np.allclose(single, whole, rtol=1e-3, atol=far, equal_nan=True):
            return False
    return True


def _slice(image: Image, d: int) -> Image:
    planes = None if image.planes is None else image.planes[d : d + 1]
    mask = None if image.mask is None else image.mask[d : d + 1]
    affine = image.affine.copy()
    affine[:3, 3] = image.position((d, 0, 0))
    return replace(image, pixels=image.pixels[d : d + 1], affine=affine, mask=mask, planes=planes)
