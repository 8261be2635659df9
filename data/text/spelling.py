"""What two spellings of one name have in common."""

from __future__ import annotations

import re
import unicodedata


def spelling(name: str) -> str:
    """A name without what spellings differ in: capitals, blanks, forms of letters, leading zeros, `.0` at the end."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) != "Cf")
    plain = re.sub(r"(?<=\d)\.0+$", "", plain)
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)
