"""Names of files that are made from texts of users, such as targets."""

from __future__ import annotations

import re
from itertools import chain, count


def file_name(text: str, taken: set[str]) -> str:
    """A file name of its own for a text such as a target; it is added to `taken`.

    Signs that a file name should not have become `_`. Texts that then have the same name, such as `a|b` and `a:b`, are
    numbered.
    """
    plain = re.sub(r"[^\w.+-]+", "_", text)
    numbered = (f"{plain}_{i}" for i in count(2))
    name = next(one for one in chain([plain], numbered) if one.lower() not in taken)
    taken.add(name.lower())
    return name
