"""Text of a user in Markdown and CSV: it may not become a tag of a page, or a formula of a spreadsheet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.\s]|inf|nan)")


def markdown_text(words: str) -> str:
    """Text for Markdown; `<` is changed only where it would begin a tag, so that `p < 0.05` stays readable."""
    return _TAG.sub("&lt;", words)


def markdown_cell(words: str) -> str:
    """Text for a cell of a Markdown table."""
    return markdown_text(" ".join(words.splitlines())).replace("|", "\\|")


def csv_cell(value: Any) -> Any:
    """A value for a cell of a table that people open in a spreadsheet: text that would be a formula begins with `'`.

    Numbers stay as they are, also as text with a sign (`-0.04 [-0.10, +0.01]`).

    References:
        OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def csv_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with `csv_cell` applied to its text and to the names of its columns."""
    import pandas as pd

    texts = [i for i in range(frame.shape[1]) if not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[i])]
    found = frame.copy()
    for i in texts:
        found.isetitem(i, [csv_cell(value) for value in frame.iloc[:, i]])
    return found.rename(columns=csv_cell)
