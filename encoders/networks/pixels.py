"""Brings crops of any shape to the shape that a network takes, with only numpy and OpenCV."""

from __future__ import annotations

import numpy as np

from data.base import Float32

RAW_MEAN = 10.0  # a mean absolute value above this shows that pixels are in the scanner's units


def resize_slices(pixels: Float32, height: int, width: int) -> Float32:
    """Every slice of `(D, H, W)` resized to `(D, height, width)`; the aspect ratio may change.

    A side that shrinks is averaged over the area, so that nothing aliases; a side that grows is interpolated linearly.
    """
    import cv2

    # OpenCV averages over the area only where both sides shrink, so shrinking and growing are two calls.
    small = (min(width, pixels.shape[2]), min(height, pixels.shape[1]))
    out = np.empty((len(pixels), height, width), dtype=np.float32)
    for source, target in zip(pixels, out, strict=True):
        shrunk = source if small == source.shape[::-1] else cv2.resize(source, small, interpolation=cv2.INTER_AREA)
        target[:] = cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR)
    return out


def resize_volume(pixels: Float32, shape: tuple[int, int, int]) -> Float32:
    """A volume `(D, H, W)` resized to `shape` along all three axes, as in `resize_slices`."""
    depth, height, width = shape
    planes = resize_slices(pixels, height, width).swapaxes(0, 1)
    return np.ascontiguousarray(resize_slices(np.ascontiguousarray(planes), depth, width).swapaxes(0, 1))


def stretch(pixels: Float32) -> Float32:
    """Pixels with the 1st to 99th percentile stretched to [0, 1] and the rest clipped; a constant crop becomes 0."""
    low, high = map(float, np.percentile(pixels, (1, 99)))
    return np.asarray(np.clip((pixels - low) / max(high - low, 1e-6), 0, 1), dtype=np.float32)


def network_inputs(pixels: Float32, *, rescale: bool) -> Float32:
    """The pixels as a network takes them: stretched to [0, 1] if `rescale`, otherwise unchanged.

    Raises:
        ValueError: They are not rescaled, and are in the scanner's units.
    """
    return stretch(pixels) if rescale else demand_scaled(pixels)


def standardize(pixels: Float32) -> Float32:
    """Pixels with mean 0 and standard deviation 1; a constant crop becomes 0."""
    return np.asarray((pixels - pixels.mean()) / max(float(pixels.std()), 1e-6), dtype=np.float32)


def demand_scaled(pixels: Float32) -> Float32:
    """The pixels, unchanged.

    Raises:
        ValueError: They are in a scanner's units: their mean absolute value is above `RAW_MEAN`.
    """
    mean = float(np.abs(pixels).mean())
    if mean > RAW_MEAN:
        raise ValueError(
            f"pixels have a mean absolute value of {mean:.0f}, but the network takes about 0 to 1: "
            "add an image step such as grayscale, or set rescale=true"
        )
    return pixels
