"""Changes that make a near-duplicate of a picture `(H, W)` uint8, by Pillow and NumPy."""

import io

import numpy as np
from PIL import Image


def _sized(factor):
    def change(picture):
        size = tuple(max(1, round(side * factor)) for side in picture.shape[::-1])
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))

    return change


def _jpeg(quality):
    def change(picture):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return change


def _grey(gain, offset):
    return lambda picture: np.clip(np.rint(picture * gain + offset), 0, 255).astype(np.uint8)


def _one_pixel(picture):
    changed = picture.copy()
    changed[len(picture) // 2, len(picture) // 3] ^= 255
    return changed


CHANGES = {
    "the same pixels": lambda picture: picture.copy(),
    "one pixel": _one_pixel,
    "half the size": _sized(0.5),
    "three quarters": _sized(0.75),
    "double the size": _sized(2.0),
    "JPEG, quality 90": _jpeg(90),
    "JPEG, quality 75": _jpeg(75),
    "JPEG, quality 50": _jpeg(50),
    "brighter and clipped": _grey(1.3, 20),
    "darker": _grey(0.6, 0),
    "gamma 0.7": lambda picture: np.rint(255 * (picture / 255.0) ** 0.7).astype(np.uint8),
    "inverted": lambda picture: 255 - picture,
    "padded with black": lambda picture: np.pad(picture, ((5, 20), (11, 3))),
    "padded with white": lambda picture: np.pad(picture, 12, constant_values=255),
    "mirrored": lambda picture: picture[:, ::-1].copy(),
    "upside down": lambda picture: picture[::-1].copy(),
    "turned by 90 degrees": lambda picture: np.rot90(picture).copy(),
    "padded, then JPEG 75": lambda picture: _jpeg(75)(np.pad(picture, ((5, 20), (11, 3)))),
    "smaller, brighter, mirrored, padded, JPEG 80": lambda picture: _jpeg(80)(
        np.pad(_grey(1.2, 10)(_sized(0.7)(picture))[:, ::-1], ((0, 12), (8, 0)))
    ),
}
