"""The file of a segmentation network's weights, with facts about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from encoders.networks.weights import WeightsError, load_weights, read_weights

if TYPE_CHECKING:
    from torch import nn

_PATIENTS = "patients"


def facts(fields: Mapping[str, str], patients: frozenset[str]) -> dict[str, str]:
    """The facts in a file: the fields that its weights are tied to, and digests of the patients they learnt from."""
    return {**fields, _PATIENTS: " ".join(sorted(patients))}


def check(path: Path, fields: Mapping[str, str]) -> None:
    """Refuses a file whose facts do not fit; they are read without torch.

    Args:
        path: The file.
        fields: The facts that it must have.

    Raises:
        WeightsError: There is no such file, or it was trained with other fields.
    """
    trained = _facts(path)
    other = [f"{k} is {trained.get(k, 'missing')}, not {v}" for k, v in fields.items() if trained.get(k) != v]
    if other:
        raise WeightsError(f"weights '{path}' were trained with other fields: {'; '.join(other)}")


def read(network: nn.Module, path: Path, fields: Mapping[str, str]) -> nn.Module:
    """The network with the weights of a file; arguments and errors as in `check`."""
    check(path, fields)
    load_weights(network, read_weights(path), source=path)
    return network


def learnt_from(path: Path) -> frozenset[str]:
    """The digests of the patients that weights learnt from; empty if the file has none.

    Raises:
        WeightsError: There is no such file.
    """
    return frozenset(_facts(path).get(_PATIENTS, "").split())


def _facts(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WeightsError(f"weights '{path}' is not a file: give one, or '' to train")
    try:
        with safe_open(path, framework="numpy") as file:
            found: dict[str, str] = file.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(f"weights '{path}' is no .safetensors file ({error}): give network.safetensors") from error
    return found
