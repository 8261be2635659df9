"""Describes this machine, for a user who asks why something is slow or missing."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from bench.run import provenance
from bench.tasks.versions import versions

HUB = "huggingface.co"


def lines(store: Path) -> Iterator[str]:
    """One line for each fact."""
    machine = provenance.machine()
    yield f"system       {machine['system']}"
    yield f"processor    {machine['processor']}, {machine['cores']} cores"
    yield f"memory       {machine['memory_gib']} GiB"
    free = shutil.disk_usage(store if store.exists() else Path.cwd()).free / 2**30
    yield f"disk         {free:.0f} GiB free for {store}"
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield f"GPU          {torch.cuda.get_device_name()}, {memory:.0f} GiB"
    else:
        yield "GPU          none that torch sees"
    yield f"hub          {_hub()}"
    yield f"weights      {_cache('HF_HOME', '~/.cache/huggingface')} (timm, MONAI), {torch.hub.get_dir()} (torchvision)"
    yield "             a file anywhere: encoders: [{timm_backbone: {model: ..., weights: FILE}}]"
    yield "versions"
    for name, version in versions().items():
        yield f"  {name:32} {version}"
    for name, value in provenance.code_state().items():
        yield f"  {name:32} {value}"


def _hub() -> str:
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return f"{HUB} not asked: HF_HUB_OFFLINE is set"
    try:
        with socket.create_connection((HUB, 443), timeout=3):
            return f"{HUB} can be reached"
    except OSError as error:
        return f"{HUB} cannot be reached ({error}): bring weights as files"


def _cache(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable, default)).expanduser()
