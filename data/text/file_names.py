"""Names of files that are made from texts of users, such as targets."""

from __future__ import annotations

import re
from itertools import chain, count

LONGEST = 150  # bytes; file systems allow 255, and names of figures and endings are added


def file_name(text: str, taken: set[str]) -> str:
    """A file name of its own for a text such as a target; it is added to `taken`.

    Signs that a file name should not have become `_`, and a long text is cut. Texts that then have the same name, such
    as `a|b` and `a:b`, are numbered.
    """
    plain = shortened(re.sub(r"[^\w.+-]+", "_", text), LONGEST)
    numbered = (f"{plain}_{i}" for i in count(2))
    name = next(one for one in chain([plain], numbered) if one.lower() not in taken)
    taken.add(name.lower())
    return name


def shortened(text: str, longest: int) -> str:
    """The beginning of a text, of at most some bytes; a letter may have several."""
    return text.encode()[:longest].decode(errors="ignore")
