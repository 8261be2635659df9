"""The rules of every encoder."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.base import Float32, Image
from data.phantom import example_discs
from encoders.base import Encoder, FittedEncoder


def is_frozen_and_works_without_arguments(plugin: Encoder) -> None:
    """The class is a frozen dataclass, and all its fields have defaults."""
    cls: Any = type(plugin)
    assert hasattr(cls, "__dataclass_fields__"), f"{cls.__name__} is not a dataclass"
    assert cls() == cls() and hash(cls()) == hash(cls()), "two encoders with the same fields are not equal"
    for field in dataclasses.fields(cls):
        try:
            setattr(plugin, field.name, getattr(plugin, field.name))
        except dataclasses.FrozenInstanceError:
            continue
        raise AssertionError(f"field {field.name} can be set: write @dataclass(frozen=True, kw_only=True)")


def gives_one_finite_float32_row_per_token(plugin: Encoder) -> None:
    """Every image gives one `(T, F)` array: T is its slices, or one number for all images; F is the same for all.

    A number other than 1 means that each token stands for an equal part of the depth, in the order of the slices. An
    encoder that `measures` may give NaN.
    """
    images = _images()
    tokens = list(_fit(plugin).encode(iter(images)))
    assert len(tokens) == len(images), f"{len(images)} images gave {len(tokens)} arrays"
    fixed = len({len(t) for t in tokens}) == 1
    for image, t in zip(images, tokens, strict=True):
        shape = image.pixels.shape
        assert t.ndim == 2 and len(t) and (fixed or len(t) == shape[0]), f"an image of {shape} gave tokens of {t.shape}"
        assert t.dtype == np.float32, f"tokens are {t.dtype}, not float32"
        wrong = np.isinf(t) if plugin.measures else ~np.isfinite(t)
        assert not wrong.any(), f"an image of {shape} gave tokens that are not finite"
    assert len({t.shape[1] for t in tokens}) == 1, "the number of features differs between images"


def same_seed_same_bits(plugin: Encoder) -> None:
    """Two fits with one seed give tokens that are equal to the last bit on a CPU."""
    first, second = (_encode(_fit(plugin), _images()) for _ in range(2))
    assert np.array_equal(first, second, equal_nan=True), "one seed gave different tokens"


def encodes_each_image_by_itself(plugin: Encoder) -> None:
    """Other images and their order change a token by no more than 1e-4 of the largest value."""
    fitted, images = _fit(plugin), _images()
    tokens = _encode(fitted, images)
    tolerance = 1e-4 * float(np.nanmax(np.abs(tokens)))
    turned = np.concatenate(list(fitted.encode(images[::-1]))[::-1])
    assert np.allclose(turned, tokens, rtol=0, atol=tolerance, equal_nan=True), "the order of the images matters"
    alone = np.concatenate([_encode(fitted, [image]) for image in images])
    assert np.allclose(alone, tokens, rtol=0, atol=tolerance, equal_nan=True), (
        "an image alone gets another token than among others"
    )


def sees_the_pixels(plugin: Encoder) -> None:
    """Two different images have different tokens."""
    tokens = list(_fit(plugin).encode(_images()[:2]))
    assert not np.allclose(tokens[0][0], tokens[1][0], rtol=1e-6, atol=0, equal_nan=True), (
        "two images have the same token"
    )


def leaves_global_state_alone(plugin: Encoder) -> None:
    """The random states of torch, numpy and Python and torch's settings stay as they were."""
    before = _global_state()
    _encode(_fit(plugin), _images())
    changed = [name for name, value in _global_state().items() if value != before[name]]
    assert not changed, f"fit or encode changed {', '.join(changed)}"


def keeps_what_it_learnt(plugin: Encoder) -> None:
    """A trained encoder gives the same tokens after `save` and `load`; one that learns nothing saves nothing."""
    fitted = _fit(plugin)
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder))
        if plugin.learns == "nothing":
            assert not list(Path(folder).iterdir()), "it learns nothing, but saves a file"
            return
        loaded = _offline(plugin).load(Path(folder), device="cpu")
        before, after = (_encode(f, _images()) for f in (fitted, loaded))
    assert np.array_equal(before, after, equal_nan=True), "tokens differ after save and load"


def keeps_tables_and_arrays(plugin: Encoder) -> None:
    """`artifacts` are DataFrames and arrays by name."""
    for name, value in _fit(plugin).artifacts().items():
        assert isinstance(value, pd.DataFrame | np.ndarray), f"artifact {name} is a {type(value).__name__}"


def identifies_its_weights(plugin: Encoder) -> None:
    """`weights_digest` is a text that stays the same."""
    digest = plugin.weights_digest()
    assert isinstance(digest, str) and digest == plugin.weights_digest(), "weights_digest is not a fixed text"


def can_be_taken_apart_from_its_projection(plugin: Encoder) -> None:
    """`frozen` gives an encoder without projection, and `frozen` of that is the same encoder."""
    frozen = plugin.frozen()
    assert frozen.projection() is None, "frozen() still has a projection"
    assert frozen.frozen() == frozen, "frozen() of frozen() is another encoder"


def says_whether_it_needs_a_structure(plugin: Encoder) -> None:
    """It encodes crops without a mask, unless `needs_structure` says that it reads one."""
    if plugin.needs_structure() or plugin.learns != "nothing":
        return
    bare = [dataclasses.replace(image, mask=None, structure=None) for image in _images()[:2]]
    assert len(_encode(_fit(plugin), bare)), "it gives nothing for crops without a mask"


def _images() -> list[Image]:
    """Read-only crops, scaled to about 0 to 1: several sizes, and single slices."""
    images = [*example_discs(4)[0], *example_discs(2, seed=1, slices=1, size=40)[0], *example_discs(2, slices=5)[0]]
    cut = (slice(None), slice(None), slice(4, -3))
    images[0] = dataclasses.replace(images[0], pixels=images[0].pixels[cut], mask=np.asarray(images[0].mask)[cut])
    return [_scaled(image) for image in images]


def _scaled(image: Image) -> Image:
    pixels = image.pixels / np.float32(800)
    pixels.flags.writeable = False
    return dataclasses.replace(image, pixels=pixels)


def _offline(plugin: Any) -> Encoder:
    """The encoder; with random weights if its default weights come from a hub."""
    hub = getattr(plugin, "weights", None) == "pretrained"
    encoder: Encoder = dataclasses.replace(plugin, weights="random") if hub else plugin
    return encoder


def _fit(plugin: Encoder) -> FittedEncoder:
    images, y, groups = example_discs(12 if plugin.learns != "nothing" else 0)
    labels = y if plugin.learns == "labels" else None
    return _offline(plugin).fit([_scaled(i) for i in images], labels, groups=groups, seed=0, device="cpu")


def _encode(fitted: FittedEncoder, images: Sequence[Image]) -> Float32:
    return np.concatenate(list(fitted.encode(images)))


def _global_state() -> dict[str, Any]:
    import torch

    return {
        "torch's random state": torch.get_rng_state().tolist(),
        "numpy's random state": repr(np.random.get_state()),  # noqa: NPY002
        "Python's random state": random.getstate(),
        "torch's threads": torch.get_num_threads(),
        "torch's default type": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
    }
