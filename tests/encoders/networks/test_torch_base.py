"""The base of torch encoders encodes a stream of images; the network of these tests takes the mean."""

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from data.base import Image
from encoders.networks.torch_base import TorchEncoder, prepare_process, seeded


@dataclass(frozen=True, kw_only=True)
class Means(TorchEncoder):
    size: int = 4
    precision: str = "fp32"
    rescale: bool = False

    def build(self, *, seed):
        import torch

        return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


def stack_of(slices, value=0.0):
    pixels = np.arange(slices, dtype=np.float32)[:, None, None] / 100 + value + np.zeros((1, 5, 6), dtype=np.float32)
    return Image(pixels=pixels, affine=np.eye(4))


def fitted(encoder):
    return encoder.fit([], None, groups=np.array([], dtype=str), seed=0, device="cpu")


@pytest.mark.parametrize("batch", [1, 3, 4, 100])
def test_every_image_gets_its_own_tokens_whatever_the_batch(batch):
    network = fitted(Means())
    network.batch = batch
    images = [stack_of(slices, value) for value, slices in enumerate([1, 5, 2, 9, 1, 3, 4], start=1)]
    for image, tokens in zip(images, network.encode(iter(images)), strict=True):
        assert_allclose(tokens, image.pixels.mean(axis=(1, 2))[:, None], atol=1e-5)


def test_no_images_no_tokens():
    assert list(fitted(Means()).encode([])) == []


def test_images_are_read_a_few_batches_ahead_and_no_more():
    read = []

    def stream():
        for i in range(1000):
            read.append(i)
            yield stack_of(1)

    network = fitted(Means())
    tokens = network.encode(stream())
    next(tokens)
    tokens.close()
    assert len(read) <= 4 * network.batch
    assert not [t for t in threading.enumerate() if t.name.startswith("prepare")]


def test_an_image_that_cannot_be_read_is_the_callers_error():
    def stream():
        yield stack_of(1)
        raise OSError("scan.mha is truncated")

    with pytest.raises(OSError, match=r"scan\.mha is truncated"):
        list(fitted(Means()).encode(stream()))


def test_raw_units_are_refused_unless_rescaled():
    raw = Image(pixels=np.random.default_rng(0).uniform(0, 1500, (2, 9, 9)).astype(np.float32), affine=np.eye(4))
    with pytest.raises(ValueError, match="add an image step"):
        list(fitted(Means()).encode([raw]))
    (tokens,) = fitted(Means(rescale=True)).encode([raw])
    assert ((tokens > 0) & (tokens < 1)).all()


def test_the_network_is_frozen():
    import torch

    @dataclass(frozen=True, kw_only=True)
    class Dropping(Means):
        def build(self, *, seed):
            return torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Dropout(0.5), torch.nn.Flatten())

    network = fitted(Dropping())
    first, second = (next(network.encode([stack_of(1, 2.0)])) for _ in range(2))
    assert np.array_equal(first, second)
    assert network.network[0].num_batches_tracked == 0


def test_seeded_draws_depend_on_the_seed_and_leave_the_generator_as_it_was():
    import torch

    before = torch.get_rng_state()
    with seeded(3):
        drawn = torch.randn(4)
    assert torch.equal(drawn, torch.randn(4, generator=torch.Generator().manual_seed(3)))
    assert torch.equal(before, torch.get_rng_state())


def test_bf16_is_near_fp32_and_not_equal():
    from encoders.timm_backbone import TimmBackbone

    image = Image(pixels=np.random.default_rng(0).random((2, 64, 64), dtype=np.float32), affine=np.eye(4))
    full, half = (
        next(fitted(TimmBackbone(weights="random", size=64, precision=p)).encode([image])) for p in ("fp32", "bf16")
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(full - half).max() < 0.1 * np.abs(full).max()


def test_prepare_process_may_be_called_again():
    assert [prepare_process(), prepare_process()] == [None, None]
    assert np.ones(1 << 20).sum() == 1 << 20  # the allocator still serves


def test_importing_encoders_imports_no_heavy_library():
    root = Path(__file__).resolve().parents[3]
    code = (
        "import sys; from bench.plugins import find, load\n"
        "[load(kind, name) for kind in ('encoders', 'missing', 'fusion') for name in find(kind)]\n"
        "heavy = {'torch', 'timm', 'monai', 'cv2', 'sklearn', 'pandas', 'scipy', 'safetensors'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
