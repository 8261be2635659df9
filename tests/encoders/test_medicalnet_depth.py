"""Depth tokens of MedicalNet: the published strides, computed a second time from the weights alone."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from data.phantom import example_discs
from encoders.medicalnet import Medicalnet
from encoders.networks.torch_base import seeded

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
# Stride and dilation of the four stages (arXiv:1904.00625 and its code).
STAGES = ((1, 1), (2, 1), (1, 2), (1, 4))


def published(weights, x, depth):
    """The last feature map `(B, F, D / 8, H / 8, W / 8)`, by functions alone, in evaluation mode."""

    def norm(name, x):
        parts = (weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts)

    def conv(name, x, stride=1, dilation=1):
        kernel = weights[f"{name}.weight"]
        padding = dilation * (kernel.shape[-1] // 2)
        return functional.conv3d(x, kernel, weights.get(f"{name}.bias"), stride, padding, dilation)

    x = functional.max_pool3d(functional.relu(norm("bn1", conv("conv1", x, stride=2))), 3, stride=2, padding=1)
    for stage, (blocks, (stride, dilation)) in enumerate(zip(BLOCKS[depth], STAGES, strict=True), start=1):
        for block in range(blocks):
            name, first = f"layer{stage}.{block}", stride if block == 0 else 1
            if depth < 50:
                y = functional.relu(norm(f"{name}.bn1", conv(f"{name}.conv1", x, first, dilation)))
                y = norm(f"{name}.bn2", conv(f"{name}.conv2", y, 1, dilation))
            else:
                y = functional.relu(norm(f"{name}.bn1", conv(f"{name}.conv1", x)))
                y = functional.relu(norm(f"{name}.bn2", conv(f"{name}.conv2", y, first, dilation)))
                y = norm(f"{name}.bn3", conv(f"{name}.conv3", y))
            if f"{name}.downsample.0.weight" in weights:
                x = norm(f"{name}.downsample.1", conv(f"{name}.downsample.0", x, first))
            elif x.shape[1] != y.shape[1]:  # shortcut A: every stride-th voxel, and channels of zeros
                x = x[:, :, ::first, ::first, ::first]
                x = functional.pad(x, (0, 0, 0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            x = functional.relu(x + y)
    return x


def weights_of(encoder, seed=0):
    """The weights of the network that depth tokens come from, by MedicalNet's names."""
    with seeded(seed):
        return dict(dataclasses.replace(encoder, tokens="volume").build(seed=seed).state_dict())


@pytest.mark.parametrize("depth", sorted(BLOCKS))
def test_tokens_are_means_over_height_and_width_of_the_published_networks_last_map(depth):
    encoder = Medicalnet(depth=depth, weights="random", size=(24, 32, 40), tokens="depth")
    images = example_discs(3)[0]
    tokens = list(encoder.fit([], None, groups=np.zeros(0, str), seed=0, device="cpu").encode(images))
    with torch.inference_mode():
        inputs = torch.from_numpy(np.concatenate([encoder.prepare(image) for image in images]))
        last = published(weights_of(encoder), inputs, depth)
    assert last.shape == (3, 2048 if depth >= 50 else 512, 3, 4, 5)
    for token, feature_map in zip(tokens, last.numpy(), strict=True):
        assert token.shape == (3, len(feature_map))
        np.testing.assert_allclose(token, feature_map.mean(axis=(2, 3)).T, atol=2e-4 * np.abs(token).max())
        # Every position has as many voxels, so that the mean over tokens is the network's global average.
        np.testing.assert_allclose(
            token.mean(axis=0), feature_map.mean(axis=(1, 2, 3)), atol=2e-4 * np.abs(token).max()
        )


def test_a_token_answers_most_to_its_own_slice():
    """Noise in one of three slices changes that slice's token most."""
    encoder = Medicalnet(depth=10, weights="random", size=(24, 48, 48), tokens="depth", standardize=False)
    fitted = encoder.fit([], None, groups=np.zeros(0, str), seed=0, device="cpu")
    rng = np.random.default_rng(0)
    image = example_discs(1, slices=3)[0][0]
    still = dataclasses.replace(image, pixels=rng.random((3, 48, 48), dtype=np.float32))
    changed = []
    for d in range(3):
        pixels = still.pixels.copy()
        pixels[d] = rng.random((48, 48), dtype=np.float32)
        changed.append(dataclasses.replace(still, pixels=pixels))
    before, *after = fitted.encode([still, *changed])
    differences = np.array([np.abs(one - before).mean(axis=1) for one in after])
    assert differences.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "wrong, why", [({"size": (20, 32, 32)}, "multiple of 8 .*: use 24"), ({"tokens": "slices"}, "slices")]
)
def test_what_has_no_tokens_is_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        Medicalnet(**{"weights": "random", "tokens": "depth", **wrong})


def test_volumes_keep_their_token():
    """The default is the encoder as it was: one token, and no dilated convolution."""
    network = Medicalnet(depth=10, weights="random").build(seed=0)
    assert {m.dilation for m in network.modules() if isinstance(m, torch.nn.Conv3d)} == {(1, 1, 1)}
