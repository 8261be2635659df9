"""Reads a JSON file of a run or a model as what it should hold; anything else is named in one line."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from results import ResultsError

AGAIN = "run the grid again (what is done is kept)"
SHOWN = 300
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
Records = list[dict[str, Any]]
"""A list of records by name."""


def read_json(path: Path, shape: Any, *, out: str = AGAIN) -> Any:
    """The content of a file.

    Args:
        path: The file.
        shape: A type that pydantic checks, such as `Records`, or a pydantic model.
        out: The way out for the error.

    Raises:
        FileNotFoundError: There is no such file.
        ResultsError: The file is no JSON, or holds something else.
    """
    from pydantic import ValidationError

    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        if _HALF.search(text):  # half of a sign, which no file can hold
            json.dumps(content, ensure_ascii=False).encode()
        return _checker(shape).validate_python(content)
    except FileNotFoundError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        place = one_line(".".join(map(str, first["loc"])))
        given = "" if first["type"] == "missing" else f", not {str(first['input'])[:60]!r}"
        what = re.sub(r" or instance of \w+", "", first["msg"]).lower()
        raise ResultsError(f"{path}: {f'{place}: ' if place else ''}{what}{given}: {out}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path} can't be read ({one_line(error)}): {out}") from None


def one_line(what: object) -> str:
    """A text in one short line that a terminal can show."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in str(what)[:1000]).split())
    return words if len(words) <= SHOWN else f"{words[:SHOWN]} ..."


@lru_cache
def _checker(shape: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def lacks(folder: Path, name: str) -> str:
    """Why a file of a folder can't be read: there is no such file, or no such folder."""
    return f"it has no {name}" if folder.is_dir() else "there is no such folder"
