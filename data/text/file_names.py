"""Names of files and folders that are made from texts of users, such as targets and sequences."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 150  # bytes; file systems allow 255, and names of figures and endings are added
_DIGITS = 8
LONGEST_NAME = LONGEST + 1 + _DIGITS
_ODD = re.compile(r"[^\w.+-]+")
_MARKED = re.compile(rf"-[0-9a-f]{{{_DIGITS}}}$")


def file_name(text: str, among: Iterable[str] = ()) -> str:
    """The file name of a text such as a target: readable, at most 159 bytes, and another one for every other text.

    Letters of any script, digits and `_.+-` stay. If that is not the whole text, or the text is too long, the rest
    becomes `_` and the name ends in a digest of the text: `a/b` is `a_b-c14cddc0`. So the same text has the same name
    everywhere, and no name leaves its folder.

    Args:
        text: The text.
        among: Texts that get names in the same folder. Of those that differ in capitals alone, every one that has
            capitals gets the digest too, since some file systems take such names for the same.
    """
    plain = shortened(_ODD.sub("_", text), LONGEST).lstrip(".-") or "_"
    folded = text.casefold()
    twin = text != folded and any(other != text and other.casefold() == folded for other in among)
    if plain == text == unicodedata.normalize("NFC", text) and not twin and not _MARKED.search(text):
        return plain
    return f"{plain}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


def shortened(text: str, longest: int) -> str:
    """The beginning of a text, of at most some bytes; a letter may have several."""
    return text.encode("utf-8", "ignore")[:longest].decode(errors="ignore")
