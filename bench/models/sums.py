"""Every file of a model is compared with its sum: a part that is damaged, missing or of another model is named."""

from __future__ import annotations

import json
from pathlib import Path

from data.files.sums import SUMS, SumsError, read_sums
from results.methods.model_card import FACTS


def check_sums(folder: Path) -> None:
    """Compares every file with `SHA256SUMS`; the facts for the pages may be missing, but not be something else.

    Raises:
        SumsError: A file is missing or another, or there are no sums.
    """
    sums = read_sums(folder, "copy the whole folder of the model again, or fit it again")
    if not sums.digests:
        raise SumsError(f"{folder / SUMS}: no such file: fit the model again")
    sums.check()
    facts = folder / FACTS
    if facts.is_file() and not isinstance(json.loads(facts.read_text(encoding="utf-8")), dict):
        raise SumsError(f"{facts} holds no facts about the plug-ins: fit the model again")
