"""A timm network as the encoder of slices."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any


def encoder(name: str, weights: str, *, channels: int, size: int) -> Any:
    """A timm network from `(B, channels, size, size)` to its feature maps, from fine to coarse.

    Args:
        name: A name of timm.
        weights: A file of its weights, such as `model.safetensors` of the hub; empty for random ones.
        channels: Of the input; the first convolution of weights for colours is brought to it.
        size: Side of the input, for networks that are built for one.

    Raises:
        ValueError: timm has no such network or the file doesn't fit.

    References:
        R. Wightman, PyTorch Image Models, 2019, doi:10.5281/zenodo.4414861.
    """
    import timm

    plain = name.split(".")[0]
    if not timm.is_model(plain):
        close = difflib.get_close_matches(plain, timm.list_models(), n=1, cutoff=0)
        raise ValueError(f"timm has no network '{name}': did you mean '{close[0]}'?")
    config: Any = timm.get_pretrained_cfg(plain)
    options: dict[str, Any] = {"in_chans": channels, "features_only": True}
    if config.fixed_input_size:
        options["img_size"] = size
    if weights:
        tensors = read(weights)
        full = timm.create_model(plain, pretrained=False)
        demand_match(full, tensors, weights, ignore=(f"{config.classifier}.",))
        overlay = {"state_dict": tensors}
        return timm.create_model(plain, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    return timm.create_model(plain, pretrained=False, **options)


def read(path: str) -> dict[str, Any]:
    """The tensors of a `.safetensors` file or a PyTorch checkpoint, without `{"state_dict": ...}` and `module.`.

    Raises:
        ValueError: There is no such file.
    """
    import torch
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise ValueError(f"weights '{path}' is not a file: give one, or '' to train from random weights")
    if path.endswith(".safetensors"):
        return dict(load_file(path))
    tensors: Any = torch.load(path, map_location="cpu", weights_only=True)
    tensors = tensors.get("state_dict", tensors)
    return {key.removeprefix("module."): tensor for key, tensor in tensors.items()}


def demand_match(network: Any, tensors: dict[str, Any], path: str, *, ignore: tuple[str, ...] = ()) -> None:
    """Demands that every tensor of a network is in a file, with its shape, and that the file holds no others.

    Args:
        network: Has the names and shapes.
        tensors: Of the file.
        path: What the error calls it.
        ignore: Beginnings of names that don't count, such as the classifier's.

    Raises:
        ValueError: One is missing, left over or of another shape.
    """

    def counted(given: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        # Batch counters hold nothing learnt, and old checkpoints lack them.
        names = (n for n in given if not n.endswith("num_batches_tracked") and not n.startswith(ignore))
        return {name: tuple(given[name].shape) for name in names}

    wanted, given = counted(network.state_dict()), counted(tensors)
    wrong = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if wrong:
        raise ValueError(
            f"weights '{path}': {len(wrong)} of {len(wanted)} tensors don't match, such as {wrong[0]}: "
            f"{given.get(wrong[0], 'not in the file')}, not {wanted.get(wrong[0], 'in the network')}"
        )
