"""Seeds for the steps of something that has one seed."""

from __future__ import annotations

import numpy as np


def spawned(seed: int, *path: int) -> int:
    """A seed of 31 bits for one of several draws, as `numpy.random.SeedSequence` spawns them.

    Seeds of other paths and other seeds are others. A sum such as `seed + repeat` is not: repeat 1 of seed 0 would be
    repeat 0 of seed 1.

    Args:
        seed: The seed of all draws, 0 or more.
        path: The numbers of the draw, such as its repeat, or its step and the number in that step.
    """
    return int(np.random.SeedSequence(seed, spawn_key=path).generate_state(1)[0] >> 1)
