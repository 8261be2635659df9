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
    pairs = [f"'{seen(a)}' as '{seen(b)}'" for a, b in spelt.items()]
    return ", ".join(pairs[:_SHOWN]) + (f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else "")


def seen(text: str) -> str:
    """A text with its hidden signs shown."""
    return text if text.isascii() else ascii(text)[1:-1]


def legible(text: str) -> str:
    """A word of one alphabet as it is; `seen` if signs in it may be hidden, or not what they look like."""
    alphabets = {unicodedata.name(sign, "?").split()[0] for sign in text if sign.isalpha()}
    latin = alphabets <= {"LATIN"} or not any(sign.isdigit() for sign in text)
    same = text.isprintable() and unicodedata.normalize("NFKC", text) == text
    return text if same and latin and len(alphabets) < 2 else seen(text)
