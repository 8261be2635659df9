"""Weights from files: read safely, matched in full, and identified by a digest."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from encoders.networks.checkpoints import WeightsError as WeightsError
from encoders.networks.checkpoints import read_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

_INSTEAD = "'pretrained' or 'random'"
_PREFERRED = ("teacher", "encoder_q")  # the half of DINO and of MoCo that their authors evaluate
_HEADS = ("fc", "head", "heads", "classifier", "head_dist", "projector", "projection_head", "predictor", "mask_token")
Shapes = Mapping[str, tuple[int, ...]]


def read_weights(path: str | Path, *, instead: str = _INSTEAD) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file or of a PyTorch checkpoint, by name.

    A checkpoint may be wrapped in `{"state_dict": ...}` or `{"model": ...}`, and its names may begin with `module.`.
    Tensors in other wrappers are called `wrapper.name`. What kind a file is shows its content, not its suffix.

    Args:
        path: The file.
        instead: What may be set in place of a file, for the error.

    Raises:
        WeightsError: The file does not exist, is damaged or of another kind, or holds no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"weights '{path}' is not a file: give an existing file, or {instead}")
    return read_tensors(path)


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], *, source: str | Path, ignore: tuple[str, ...] = ()
) -> None:
    """Puts tensors into a network in place; every tensor of the network must be in the file, with its shape.

    The names in the file may have something before those of the network, such as `backbone.` or
    `teacher.module.`. Besides the network, the file may hold layers of a head, and other networks under other
    prefixes; a tensor that would belong to the network but is none of it is refused.

    Args:
        network: The network that gets the tensors.
        tensors: The tensors by name.
        source: Their name in error messages.
        ignore: Prefixes of tensors that the network need not have, such as those of a classifier that was cut off.

    Raises:
        WeightsError: A name or a shape differs, or the file holds several such networks. The message gives how many
            tensors match and which do not.
    """
    own = _shapes(network.state_dict())
    prefix, found = without_prefix(network, tensors, source=source)
    inside = _shapes(found)
    matched = [name for name, shape in own.items() if inside.get(name) == shape]
    left_over = [name for name in inside if name not in own and not _is_head(name, own, ignore)]
    if len(matched) < len(own) or left_over:
        wrong = [f"{n} {shape}: {inside.get(n, 'not in the file')}" for n, shape in own.items() if n not in matched]
        wrong += [f"{name} {inside[name]}: not in the network" for name in left_over]
        begins = f" after '{prefix}'" if prefix else ""
        raise WeightsError(
            f"weights '{source}': {len(matched)} of {len(own)} tensors match{begins}; the first of {len(wrong)} that "
            f"do not: {'; '.join(wrong[:3])}. Use the file of this very network"
        )
    known = network.state_dict()
    network.load_state_dict({n: t for n, t in found.items() if n in known}, strict=False)


def without_prefix(
    network: nn.Module, tensors: Mapping[str, Tensor], *, source: str | Path
) -> tuple[str, dict[str, Tensor]]:
    """What comes before a network's names in a file, and the tensors there by the network's own names.

    Args:
        network: The network.
        tensors: The tensors of the file by name.
        source: Their name in error messages.

    Raises:
        WeightsError: The file holds several such networks.
    """
    prefix = _prefix(_shapes(network.state_dict()), tensors, source)
    return prefix, {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, without batch counters: they are not learnt, and old checkpoints lack them."""
    return {n: tuple(t.shape) for n, t in tensors.items() if not n.endswith("num_batches_tracked")}


def _prefix(own: Shapes, tensors: Mapping[str, Tensor], source: str | Path) -> str:
    """What comes before the network's names in a file: the prefix with which most tensors match.

    Raises:
        WeightsError: Several prefixes hold such a network, with other values.
    """
    counts = Counter({"": 0})
    for name, shape in _shapes(tensors).items():
        parts = name.split(".")
        for i in range(len(parts)):
            if own.get(".".join(parts[i:])) == shape:
                counts["".join(f"{part}." for part in parts[:i])] += 1
    most = max(counts.values())
    best = [prefix for prefix, n in counts.items() if n == most]
    if "" in best:
        return ""
    chosen = [prefix for word in _PREFERRED for prefix in best if word in prefix.split(".")][:1] or best
    names = [name for name in own if f"{chosen[0]}{name}" in tensors]
    values = [[tensors.get(f"{prefix}{name}") for name in names] for prefix in chosen]
    if 2 * most > len(own) and not all(_equal(values[0], other) for other in values[1:]):
        found = " and ".join(f"'{prefix}'" for prefix in chosen[:3])
        raise WeightsError(
            f"weights '{source}' holds {len(chosen)} such networks, with names that begin with {found}: save the one "
            "that you mean in a file of its own"
        )
    return chosen[0]


def _equal(these: Sequence[Tensor | None], those: Sequence[Tensor | None]) -> bool:
    return all(a is not None and b is not None and a.equal(b) for a, b in zip(these, those, strict=True))


def _is_head(name: str, own: Shapes, ignore: tuple[str, ...]) -> bool:
    """Whether a tensor belongs to a classifier or to a head of pretraining, which the network need not have."""
    first = name.split(".")[0]
    if name.startswith(ignore):
        return True
    return (first in _HEADS or first.startswith("decoder")) and not any(n.split(".")[0] == first for n in own)


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
