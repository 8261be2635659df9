"""The network to train: a timm network for gray slices, and a linear layer on the mean of its features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encoders.networks import lite0
from encoders.networks.timm_network import create, digest, photographic
from encoders.networks.weights import file_digest

if TYPE_CHECKING:
    from torch import Tensor, nn


def build(model: str, weights: str, size: int, classes: int) -> nn.ModuleDict:
    """`features`, which maps slices `(B, 1, size, size)` to `(B, F)`, and the linear `classifier` to K classes.

    Torch's generator has been seeded before.

    Args:
        model: A name in timm.
        weights: `"pretrained"`, `"random"` or a file.
        size: Side of a slice, in pixels.
        classes: K.

    Raises:
        ValueError: timm has no such network, or the network can't take slices of this size.
        WeightsError: The hub can't be reached, or the file doesn't fit.
    """
    import torch
    from torch import nn

    if (model, weights) == (lite0.MODEL, "pretrained"):
        network = lite0.imagenet_classifier()
        network.reset_classifier(0)
        features = photographic(network)
    else:
        features = photographic(create(model, weights, size))
    colour: Any = features[0]  # type: ignore[index]
    colour.requires_grad_(False)
    try:
        with torch.inference_mode():
            width = features.eval()(torch.zeros(1, 1, size, size)).shape[1]
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ValueError(f"{model} can't take size={size} ({str(error).splitlines()[0]}): use size=224") from error
    return nn.ModuleDict({"features": features, "classifier": nn.Linear(width, classes)})


def weights_digest(model: str, weights: str) -> str:
    """See `Encoder.weights_digest`."""
    if (model, weights) == (lite0.MODEL, "pretrained"):
        return file_digest(lite0.weights_file())
    return digest(model, weights)


def means(features: Tensor, crop: Tensor) -> Tensor:
    """The mean over the slices of each crop: `(B, F)` to `(n, F)`; `crop` `(B,)` is the number of a slice's crop.

    It is a product of matrices, since that sums in a fixed order on a GPU too.
    """
    import torch

    belongs = torch.nn.functional.one_hot(crop).to(features.dtype)
    return (belongs / belongs.sum(dim=0)).T @ features
