"""The network that is trained: a timm network on gray slices, and a linear layer on the mean of its features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encoders.efficientnet_lite0 import EfficientnetLite0
from encoders.networks.timm_network import create, digest, photographic

if TYPE_CHECKING:
    from torch import Tensor, nn

LITE0 = "tf_efficientnet_lite0"  # its weights come with a package, so no hub is asked


def build(model: str, weights: str, size: int, classes: int) -> nn.ModuleDict:
    """`features`, which maps slices `(B, 1, size, size)` to `(B, F)`, and the linear `classifier` to K classes.

    Torch's generator is already seeded.

    Args:
        model: A name of timm.
        weights: `"pretrained"`, `"random"` or a file.
        size: Side of a slice, in pixels.
        classes: K.

    Raises:
        ValueError: timm has no such network, or it can't take slices of this size.
        WeightsError: The hub can't be reached, or the file doesn't fit.
    """
    import torch
    from torch import nn

    if (model, weights) == (LITE0, "pretrained"):
        features = EfficientnetLite0(size=size).build(seed=0)
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
    """For `Encoder.weights_digest`."""
    return EfficientnetLite0().weights_digest() if (model, weights) == (LITE0, "pretrained") else digest(model, weights)


def means(features: Tensor, of: Tensor) -> Tensor:
    """The mean over the slices of each crop: `(B, F)` to `(n, F)`; `of` `(B,)` is the position of a slice's crop.

    A product of matrices, whose sums are in a fixed order on a GPU too.
    """
    import torch

    belongs = torch.nn.functional.one_hot(of).to(features.dtype)
    return (belongs / belongs.sum(dim=0)).T @ features
