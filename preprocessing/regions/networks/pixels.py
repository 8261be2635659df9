"""The scale of pixels that networks of regions read."""

from __future__ import annotations

import numpy as np

from data.base import Float32


def scaled(pixels: Float32) -> Float32:
    """Pixels of any shape whose 1st and 99th percentile become 0 and 1; values beyond are cut off."""
    low, high = np.percentile(pixels, (1, 99))
    return np.asarray((np.clip(pixels, low, high) - low) / max(float(high - low), 1e-6), dtype=np.float32)
