"""A timm network as the encoder of slices."""

from __future__ import annotations

from typing import Any

from encoders.networks.timm_network import load_file, plain_name
from encoders.networks.weights import read_weights


def encoder(name: str, weights: str, *, channels: int, size: int) -> Any:
    """A timm network from `(B, channels, size, size)` to its feature maps, from fine to coarse.

    Args:
        name: The name of a timm network.
        weights: A file of its weights, such as `model.safetensors` of the hub; empty for random ones.
        channels: The channels of the input; weights of a first convolution for colours are adapted to them.
        size: The side of the input, for networks that are built for one size.

    Raises:
        ValueError: timm has no such network.
        WeightsError: There is no such file, or it doesn't fit.

    References:
        R. Wightman, PyTorch Image Models, 2019, doi:10.5281/zenodo.4414861.
    """
    import timm

    plain = plain_name(name)
    config: Any = timm.get_pretrained_cfg(plain)
    options: dict[str, Any] = {"in_chans": channels, "features_only": True}
    if config.fixed_input_size:
        options["img_size"] = size
    if weights:
        tensors = read_weights(weights, instead="'' for random weights")
        sized = {name: value for name, value in options.items() if name == "img_size"}
        whole: Any = timm.create_model(plain, pretrained=False, num_classes=0, **sized)
        load_file(whole, tensors, model=plain, source=weights)
        overlay = {"state_dict": whole.state_dict()}
        return timm.create_model(plain, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    return timm.create_model(plain, pretrained=False, **options)
