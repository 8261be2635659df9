"""Networks of timm: by name, with weights, for gray input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from data.text.names import closest
from encoders.networks.weights import WeightsError, file_digest, load_weights, read_weights, without_prefix

if TYPE_CHECKING:
    from torch import Tensor, nn

_POSITIONS = ("pos_embed", "relative_position", "rel_pos", "attn_mask")


def create(model: str, weights: str, size: int) -> Any:
    """A timm network without its classifier: `(B, 3, size, size)` to `(B, F)`.

    Args:
        model: A name in timm, with or without the tag of its weights (`resnet50.tv_in1k`).
        weights: `"pretrained"`, `"random"` or a file.
        size: Input size of networks that are built for one size, such as vision transformers.

    Raises:
        ValueError: timm has no such network.
        WeightsError: The hub can't be reached, or the file doesn't fit.
    """
    import timm

    plain_name(model)
    config: Any = timm.get_pretrained_cfg(model)
    options: dict[str, Any] = {"img_size": size} if config.fixed_input_size else {}
    if weights == "pretrained":
        try:
            return timm.create_model(model, pretrained=True, num_classes=0, **options)
        except (OSError, RuntimeError) as error:
            raise WeightsError(
                f"the weights of '{model}' could not be fetched ({type(error).__name__}): bring the file "
                f"model.safetensors of {config.hf_hub_id or config.url} from the Hugging Face hub and set weights=FILE"
            ) from error
    network = timm.create_model(model, pretrained=False, num_classes=0, **options)
    if weights != "random":
        load_file(network, read_weights(weights), model=model, source=weights)
    return network


def load_file(network: Any, tensors: Mapping[str, Tensor], *, model: str, source: str) -> None:
    """Puts tensors into a timm network without classifier, in place; positions of another size are resampled.

    Args:
        network: The network, for the size of input that it is used with.
        tensors: Those of the same network by name, with or without a classifier, for any size of input.
        model: Its name in timm.
        source: The name of the tensors in error messages.

    Raises:
        WeightsError: The tensors are not those of this network.
    """
    import timm

    ignore = classifiers(timm.get_pretrained_cfg(model))
    try:
        load_weights(network, tensors, source=source, ignore=ignore)
    except WeightsError as error:
        _, inside = without_prefix(network, tensors, source=source)
        converted = _resampled(network, inside, model)
        if converted is None:
            raise
        try:
            load_weights(network, converted, source=source, ignore=ignore)
        except WeightsError:
            raise error from None


def _resampled(network: Any, tensors: dict[str, Tensor], model: str) -> dict[str, Tensor] | None:
    """The tensors as timm converts them for a network, if nothing but positions gets another shape; else None."""
    import timm

    convert = getattr(sys.modules[timm.model_entrypoint(plain_name(model)).__module__], "checkpoint_filter_fn", None)
    own = network.state_dict()
    other = [name for name, tensor in tensors.items() if name in own and tensor.shape != own[name].shape]
    if convert is None or not all(any(word in name for word in _POSITIONS) for name in other):
        return None
    try:
        converted: dict[str, Tensor] = convert(tensors, network)
    except Exception:  # each architecture has its own; the file is then refused for what does not match
        return None
    return converted


def plain_name(model: str) -> str:
    """The name of a timm network without the tag of its weights.

    Raises:
        ValueError: timm has no such network.
    """
    import timm

    name = model.split(".")[0]
    if not timm.is_model(name):
        close = closest(name, timm.list_models(), cutoff=0)
        raise ValueError(f"timm has no network '{name}': did you mean '{close}'?")
    return name


def classifiers(config: Any) -> tuple[str, ...]:
    """The prefixes of the tensors of a timm network's classifiers, from its pretrained configuration."""
    names = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
    return tuple(f"{name}." for name in names)


def photographic(network: Any) -> nn.Module:
    """A timm network of colour photographs that takes gray pixels `(B, 1, H, W)` from 0 to 1.

    The pixels become three equal channels, normalised with the network's own mean and standard deviation.
    """
    import torch
    from torch import nn

    mean, std = (torch.tensor(network.pretrained_cfg[key]) for key in ("mean", "std"))
    colour: Any = nn.Conv2d(1, 3, kernel_size=1)
    with torch.no_grad():
        colour.weight[:] = (1 / std)[:, None, None, None]
        colour.bias[:] = -mean / std
    return nn.Sequential(colour, network)


def digest(model: str, weights: str) -> str:
    """For `Encoder.weights_digest`: the digest of a file, or the name of weights on the hub.

    Without a tag timm chooses the weights, so its version is part of the name.
    """
    from importlib.metadata import version

    if weights == "random":
        return ""
    if weights == "pretrained":
        return f"timm hub: {model}" + ("" if "." in model else f" of timm {version('timm')}")
    return file_digest(weights)
