"""The SHA-256 of every file of a model, so that a part that is damaged, missing or of another model is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from results.methods.model_card import FACTS

SUMS = "SHA256SUMS"


class SumsError(ValueError):
    """A file of a model that is not the one that was written."""


def write_sums(folder: Path) -> None:
    """Writes `SHA256SUMS`, which `sha256sum --check` reads; texts for people (`.md`) may change and are left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md" and path.name != SUMS)
    lines = [f"{_sum(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> None:
    """Compares every file with `SHA256SUMS`; the facts for the pages may be missing, but not be something else.

    Raises:
        SumsError: A file is missing or another, or there are no sums.
    """
    path = folder / SUMS
    if not path.is_file():
        raise SumsError(f"{path}: no such file: fit the model again")
    for line in path.read_text(encoding="utf-8").splitlines():
        wanted, _, name = line.partition("  ")
        file = folder / name
        if not file.is_file():
            raise SumsError(f"{file}: no such file: copy the whole folder of the model again, or fit it again")
        if _sum(file) != wanted:
            raise SumsError(f"{file}: is not the file that was fitted ({SUMS}): copy it again, or fit it again")
    facts = folder / FACTS
    if facts.is_file() and not isinstance(json.loads(facts.read_text(encoding="utf-8")), dict):
        raise SumsError(f"{facts} holds no facts about the plug-ins: fit the model again")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
