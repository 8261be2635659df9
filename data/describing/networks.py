"""The papers of the families of networks that timm builds."""

from __future__ import annotations

PAPERS = {
    "convnext": "liu2022",
    "densenet": "huang2017",
    "efficientnetv2": "tan2021",
    "efficientnet": "tan2019",
    "resnet": "he2016",
}
"""The key of `references.bib` for each beginning of a network's name, longer beginnings first."""


def papers(network: str) -> tuple[str, ...]:
    """The keys that a network of timm is cited by; none for a family that the table lacks.

    Args:
        network: A name of timm, such as `tf_efficientnetv2_s` or `resnet50.tv_in1k`.
    """
    name = network.removeprefix("tf_")
    return next(((key,) for beginning, key in PAPERS.items() if name.startswith(beginning)), ())
