"""What the tokens of a crop stand for: slices, or parts of its depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def positions(tokens: NDArray[np.int64], slices: NDArray[np.int64]) -> pd.DataFrame:
    """The slices of a crop, counted from 1, that each token stands for, by the token's `position` from 1.

    Where crops have as many tokens as slices, a token is its slice. Otherwise all crops have the same number of tokens,
    which stand for equal parts of the depth (`depth_from` to `depth_to`, 0 to 1). Such a part's slices (`slice_from` to
    `slice_to`, both included, also if only in part) are NaN where crops differ in their number of slices.

    Args:
        tokens: `(M,)`: the number of tokens of each crop.
        slices: `(M,)`: its number of slices.
    """
    import pandas as pd

    number = np.arange(1, int(tokens.max()) + 1)
    table = pd.DataFrame({"position": number, "depth_from": np.nan, "depth_to": np.nan})
    if (tokens == slices).all():
        return table.assign(slice_from=number, slice_to=number)
    table["depth_from"], table["depth_to"] = (number - 1) / len(number), number / len(number)
    if len(set(slices.tolist())) > 1:
        return table.assign(slice_from=np.nan, slice_to=np.nan)
    depth = int(slices[0])
    return table.assign(slice_from=(number - 1) * depth // len(number) + 1, slice_to=-(-number * depth // len(number)))
