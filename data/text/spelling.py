"""What two spellings of one name, or of one word, have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?")
_SHOWN = 3


def spelling(name: str) -> str:
    """A name without what spellings differ in: capitals, blanks, forms of letters, leading zeros, `.0` at the end."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) != "Cf")
    plain = re.sub(r"(?<=\d)\.0+$", "", plain)
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)


def word(cell: str) -> str:
    """A category or class without what spellings differ in: capitals, forms of letters, `.0`, blanks around it."""
    plain = " ".join(unicodedata.normalize("NFKC", cell).casefold().split())
    whole = _WHOLE.fullmatch(plain)
    return whole[1] if whole else plain


def as_known(words: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """For each word that is spelt otherwise than a known one: the known one.

    A word that several known ones are like, such as `yes` beside `Yes` and `YES`, is none of them.
    """
    like: dict[str, set[str]] = {}
    for one in known:
        like.setdefault(word(one), set()).add(one)
    meant = {one: like.get(word(one), set()) for one in dict.fromkeys(words)}
    return {one: min(found) for one, found in meant.items() if len(found) == 1 and one not in found}


def changed(spelt: Mapping[str, str]) -> str:
    """The words that are read as others, for a note: `'yes' as 'Yes'`."""
    pairs = [f"'{legible(a, beside=b)}' as '{legible(b, beside=a)}'" for a, b in spelt.items()]
    return ", ".join(pairs[:_SHOWN]) + (f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else "")


def legible(text: str, *, beside: str = "") -> str:
    r"""A text as it is written, with signs shown as `\u2013` that are hidden or may not be what they look like.

    These are control signs and other blanks, dashes, letters in other forms, letters of another alphabet among Latin
    ones, and those of other alphabets beside digits, as in ids.

    Args:
        text: A word of a table.
        beside: Another word that the message compares it with, whose letters may look like its own.
    """
    both = text + beside
    alphabets = {unicodedata.name(sign, "?").split()[0] for sign in both if sign.isalpha()}
    mixed = len(alphabets) > 1 or not (alphabets <= {"LATIN"} or not any(sign.isdigit() for sign in both))
    composed = unicodedata.normalize("NFKC", text) == text
    return "".join(sign if _is_plain(sign, mixed, composed) else ascii(sign)[1:-1] for sign in text)


def _is_plain(sign: str, mixed: bool, composed: bool) -> bool:
    """Whether a sign of a text is what it looks like."""
    if sign.isascii() or not sign.isprintable():
        return sign.isprintable()
    if unicodedata.normalize("NFKC", sign) != sign or unicodedata.category(sign) in ("Pd", "Sm"):
        return False
    if unicodedata.combining(sign):
        return composed
    return not (mixed and sign.isalpha()) or unicodedata.name(sign, "?").startswith("LATIN")
