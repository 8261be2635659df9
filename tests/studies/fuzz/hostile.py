"""Ways to edit a JSON file or a table as somebody does who means harm: it stays readable, and holds what none would."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.studies.fuzz.damage import TEXT, Rng

DEEP, LONG, HUGE = "[" * 100_000, "x" * 1_000_000, "9" * 5000
MARK = "\ue000"
ODD: tuple[Any, ...] = (None, True, -1, 0, 1.5, 1e308, -1e308, float("nan"), float("inf"), 2**64, 10**30)
ODD += ("", "\0", "\u202e<script>\n", "../../etc/passwd", "=1+1", LONG, [], {}, [None], {"": []}, [[[]]])
RAW = (DEEP, HUGE, "1e999", '"\\ud800"', DEEP + "]" * len(DEEP), '{"a":' * 50_000)
"""Texts that are put in the place of a value as they are."""


def odd_json(data: bytes, rng: Rng) -> tuple[bytes, str]:
    """Changes one value, key or list of a JSON file, or its encoding; what was done in words."""
    content = json.loads(data)
    places = list(_places(content))
    way = int(rng.integers(8))
    if way == 0:
        return _encoded(data, rng)
    if not places:
        return b"[]" if content else b"{}", "another kind"
    inside, key = places[int(rng.integers(len(places)))]
    if way == 1:
        del inside[key]
        return json.dumps(content).encode(), f"without {key}"
    if way == 2:
        raw = RAW[int(rng.integers(len(RAW)))]
        inside[key] = MARK
        return json.dumps(content).replace(json.dumps(MARK), raw, 1).encode(), f"{key}: {raw[:20]}"
    if way == 3 and isinstance(inside, list):
        inside.extend([inside[key]] * 3)
        return json.dumps(content).encode(), f"{key} several times"
    odd = ODD[int(rng.integers(len(ODD)))]
    inside[key] = odd
    return json.dumps(content).encode(), f"{key}: {odd!r:.20}"


def odd_table(data: bytes, rng: Rng) -> tuple[bytes, str]:
    """Changes a column of a parquet file; what was done in words."""
    import numpy as np
    import pandas as pd

    table = pd.read_parquet(io.BytesIO(data))
    column = str(rng.choice(list(map(str, table.columns))))
    odd: dict[str, Callable[[], Any]] = {
        "without": lambda: table.drop(columns=column),
        "empty": lambda: table.iloc[:0],
        "twice": lambda: pd.concat([table, table]),
        "no names": lambda: table.reset_index(drop=True),
        "nan": lambda: table.assign(**{column: np.nan}),
        "none": lambda: table.assign(**{column: None}),
        "text": lambda: table.assign(**{column: "x"}),
        "long": lambda: table.assign(**{column: LONG}).head(3),
        "zero byte": lambda: table.assign(**{column: "\0"}),
        "huge": lambda: table.assign(**{column: 2**62}),
        "negative": lambda: table.assign(**{column: -1}),
        "infinite": lambda: table.assign(**{column: np.inf}),
        "lists": lambda: table.assign(**{column: [[1]] * len(table)}),
        "dates": lambda: table.assign(**{column: pd.Timestamp(0)}),
        "bytes": lambda: table.assign(**{column: b"\xff"}),
        "categories": lambda: table.astype({column: "category"}),
        "half": lambda: table.iloc[::2],
        "no column": lambda: table[[]],
    }
    name = list(odd)[int(rng.integers(len(odd)))]
    out = io.BytesIO()
    odd[name]().to_parquet(out)
    return out.getvalue(), f"{column}: {name}"


def odd_text(data: bytes, rng: Rng) -> tuple[bytes, str]:
    """Damages a text file, or writes it in another encoding; what was done in words."""
    if rng.random() < 0.3:
        return _encoded(data, rng)
    way = TEXT[int(rng.integers(len(TEXT)))]
    return way(data, rng) if data else b"\0", way.__name__


def _encoded(data: bytes, rng: Rng) -> tuple[bytes, str]:
    odd = {
        "UTF-16": data.decode().encode("utf-16"),
        "UTF-32": data.decode().encode("utf-32"),
        "a mark of byte order": b"\xef\xbb\xbf" + data,
        "Latin-1": data[:-2] + b"\xe9" + data[-2:],
        "zero bytes": data + b"\0" * 9,
        "only zero bytes": bytes(len(data)),
        "empty": b"",
        "twice": data + data,
    }
    name = list(odd)[int(rng.integers(len(odd)))]
    return odd[name], name


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or mapping inside a content, with each of its keys."""
    keys = content.keys() if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        yield content, key
        yield from _places(content[key])
