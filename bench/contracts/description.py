"""How every plug-in must describe itself."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from bench.plugins import description
from data.describing.plug_in import DECLARING, DESCRIBING


def describes_itself(plugin: Any) -> None:
    """Words, citations and packages are texts, and every citation has a BibTeX entry."""
    description(plugin)


def computes_without_its_description(plugin: Any) -> None:
    """Only `describe` reads the class variables that describe: no key of a result depends on them."""
    for node in ast.parse(textwrap.dedent(inspect.getsource(type(plugin)))).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef) and node.name not in DECLARING:
            read = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute) and _of_self(one)}
            names = ", ".join(sorted(read & DESCRIBING))
            assert not names, f"{node.name} reads {names}: only describe may, since no key of a result depends on it"


def _of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
