"""Weights from files: read safely, matched in full, and identified by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data import ScangridError

if TYPE_CHECKING:
    from torch import Tensor, nn


_INSTEAD = "'pretrained' or 'random'"


class WeightsError(ScangridError):
    """Weights are missing or don't fit; the message is one line with the way out."""


def read_weights(path: str | Path, *, instead: str = _INSTEAD) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file or of a PyTorch checkpoint, by name.

    A checkpoint may be wrapped in `{"state_dict": ...}` or `{"model": ...}`, and its names may begin with `module.`.

    Args:
        path: The file.
        instead: What may be set in place of a file, for the error.

    Raises:
        WeightsError: The file does not exist, or holds no tensors.
    """
    import torch
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"weights '{path}' is not a file: give an existing file, or {instead}")
    tensors: Any = (
        load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    )
    for wrapper in ("state_dict", "model"):
        if isinstance(tensors, Mapping) and isinstance(tensors.get(wrapper), Mapping):
            tensors = tensors[wrapper]
    if not isinstance(tensors, Mapping) or not any(isinstance(t, torch.Tensor) for t in tensors.values()):
        raise WeightsError(f"weights '{path}' holds no tensors: give a state dict")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], *, source: str | Path, ignore: tuple[str, ...] = ()
) -> None:
    """Puts tensors into a network in place; every tensor of each side must match one of the other.

    Args:
        network: The network that gets the tensors.
        tensors: The tensors by name.
        source: Their name in error messages.
        ignore: Prefixes of tensors that the network need not have, such as those of a classifier that was cut off.

    Raises:
        WeightsError: A name or a shape differs. The message gives how many tensors match and which do not.
    """
    # Batch counters are not learnt, and old checkpoints lack them.
    own = {n: tuple(t.shape) for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    given = {n: tuple(t.shape) for n, t in tensors.items() if not n.endswith("num_batches_tracked")}
    matched = [name for name, shape in own.items() if given.get(name) == shape]
    left_over = [name for name in given if name not in own and not name.startswith(ignore)]
    if len(matched) < len(own) or left_over:
        wrong = [f"{n} {shape}: {given.get(n, 'not in the file')}" for n, shape in own.items() if n not in matched]
        wrong += [f"{name} {given[name]}: not in the network" for name in left_over]
        raise WeightsError(
            f"weights '{source}': {len(matched)} of {len(own)} tensors match; the first of {len(wrong)} that do not: "
            f"{'; '.join(wrong[:3])}. Use the file of this very network"
        )
    known = network.state_dict()
    network.load_state_dict({n: t for n, t in tensors.items() if n in known}, strict=False)


def file_digest(path: str | Path, *, instead: str = _INSTEAD) -> str:
    """The sha256 of a file; it is computed again only when the file changes. Arguments are as in `read_weights`.

    Raises:
        WeightsError: The file does not exist.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"weights '{path}' is not a file: give an existing file, or {instead}")
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
