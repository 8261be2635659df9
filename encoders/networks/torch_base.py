"""The base of all torch encoders: it batches across images, prepares inputs in advance and freezes the network."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from data.base import Float32, Image
from encoders.base import Encoder, FittedEncoder
from encoders.networks.pixels import network_inputs, resize_slices

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

Precision = Literal["fp32", "bf16"]
_GENERATOR = Lock()


class TorchEncoder(Encoder):
    """A network that turns every slice into a token. A plug-in declares the three fields and defines `build`.

    Pixels must be about 0 to 1, as after an image step. They are neither clipped nor rescaled unless `rescale` is set.
    Z-scored pixels pass unchanged; raw MR, CT or 8-bit values are an error.

    Args:
        size: Side of the square that each slice is resized to, in pixels.
        precision: `"fp32"`, or `"bf16"`, which computes in bfloat16 where the network allows and changes features by up
            to 10 %.
        rescale: Whether the 1st to 99th percentile of each crop is first stretched to [0, 1].
    """

    size: Any
    precision: Precision
    rescale: bool
    batch: ClassVar[Mapping[str, int]] = {"cpu": 16, "cuda": 128}

    def build(self, *, seed: int) -> nn.Module:
        """The network: batches of prepared inputs to `(B, F)`. Torch's generator has been seeded with `seed` before."""
        raise NotImplementedError

    def prepare(self, image: Image) -> Float32:
        """The inputs of one image, one for each token: `(D, 1, size, size)`. Runs in another thread, without torch."""
        return network_inputs(resize_slices(image.pixels, self.size, self.size), rescale=self.rescale)[:, None]

    def fit(
        self,
        images: Sequence[Image],
        y: NDArray[np.int64] | None,
        *,
        groups: NDArray[np.str_],
        seed: int,
        device: str,
    ) -> FittedEncoder:
        """Builds the network; it learns nothing."""
        with seeded(seed):
            network = self.build(seed=seed)
        return self.frozen_network(network, device=device)

    def frozen_network(self, network: nn.Module, *, device: str) -> FrozenNetwork:
        """The network with this encoder's preparation of images."""
        return FrozenNetwork(
            network, self.prepare, device=device, precision=self.precision, batch=self.batch[device.split(":")[0]]
        )


class FrozenNetwork:
    """A network in evaluation mode, as a `FittedEncoder`.

    Args:
        network: Maps a batch `(B, ...)` to `(B, F)`.
        prepare: Maps an image to its inputs `(T, ...)`.
        device: Where the network computes.
        precision: As in `TorchEncoder`.
        batch: Inputs in each batch.
    """

    def __init__(
        self,
        network: nn.Module,
        prepare: Callable[[Image], Float32],
        *,
        device: str,
        precision: Precision,
        batch: int,
    ) -> None:
        import torch

        frozen = network.eval().requires_grad_(False).to(device)
        flat = all(parameter.ndim < 5 for parameter in frozen.parameters())
        self.network = frozen.to(memory_format=torch.channels_last) if flat else frozen
        self.prepare, self.device, self.precision, self.batch = prepare, device, precision, batch

    def encode(self, images: Iterable[Image]) -> Iterator[Float32]:
        """See `FittedEncoder`; another thread reads the images, a few batches in advance."""
        waiting: Float32 | None = None
        for inputs, lengths in _ahead(self._batches(images)):
            tokens = self.features(inputs)
            waiting = tokens if waiting is None else np.concatenate([waiting, tokens])
            *complete, waiting = np.split(waiting, np.cumsum(lengths, dtype=np.int64))
            yield from complete

    def features(self, inputs: Float32) -> Float32:
        """The features `(B, F)` of one batch of inputs."""
        import torch

        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self.device.startswith("cuda"):
                stack.enter_context(torch.backends.cudnn.flags(enabled=True, allow_tf32=False))
            if self.precision == "bf16":
                stack.enter_context(torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16))
            batch = torch.from_numpy(inputs).to(self.device)
            if batch.ndim == 4:
                batch = batch.to(memory_format=torch.channels_last)
            features: Float32 = self.network(batch).float().cpu().numpy()
        return features

    def save(self, folder: Path) -> None:
        """Nothing was learnt."""

    def artifacts(self) -> Mapping[str, pd.DataFrame | NDArray[Any]]:
        """Empty."""
        return {}

    def _batches(self, images: Iterable[Image]) -> Iterator[tuple[Float32, list[int]]]:
        """Batches of inputs of several images, each with the number of tokens of every image that ends in it."""
        parts: list[Float32] = []
        lengths: list[int] = []
        room = self.batch
        for image in images:
            inputs = self.prepare(image)
            for start in _cuts(len(inputs), room, self.batch):
                part = inputs[start : start + room]
                parts.append(part)
                room -= len(part)
                if start + len(part) == len(inputs):
                    lengths.append(len(inputs))
                if room == 0:
                    yield np.concatenate(parts), lengths
                    parts, lengths, room = [], [], self.batch
        if parts:
            yield np.concatenate(parts), lengths


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch's CPU generator within the context and restores it afterwards; one thread at a time.

    That suffices since networks are built on the CPU.
    """
    import torch

    with _GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def exact(device: str) -> Iterator[None]:
    """Makes convolutions on a GPU deterministic and full fp32 within the context."""
    import torch

    if not device.startswith("cuda"):
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def prepare_process() -> None:
    """Makes the process keep freed memory. Call it at the start, before torch allocates.

    By default glibc returns every large buffer to the system and gets it back page by page, for each layer of each
    batch. Without glibc nothing is done.
    """
    trim_threshold, mmap_threshold, one_gib = -1, -3, 1 << 30
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_threshold, one_gib)
        mallopt(trim_threshold, one_gib)


def _cuts(length: int, room: int, batch: int) -> list[int]:
    """Where to cut an image's inputs: the first part fills the current batch, the others start new batches."""
    return [0, *range(room, length, batch)]


def _ahead(items: Iterator[Any], depth: int = 2) -> Iterator[Any]:
    """The items in order, made in another thread, `depth` of them in advance."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="prepare")
    try:
        made = deque(pool.submit(next, items, None) for _ in range(depth))
        while (item := made.popleft().result()) is not None:
            made.append(pool.submit(next, items, None))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
