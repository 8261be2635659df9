"""Keys: what decides a result, as one digest. Never a path, a repr or Python's `hash`."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.describing.plug_in import DESCRIBING

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
WITHOUT_RESULT = "data.describing."  # modules on which no result depends
PROJECT = {"bench", "data", "encoders", "heads", "preprocessing", "results"}
DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "imblearn": "imbalanced-learn",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "SimpleITK": "simpleitk",
}


def key(*parts: Any) -> str:
    """The digest of plain values (dicts, lists, strings, numbers, booleans, None)."""
    text = json.dumps([SCHEMA, *parts], sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def combine(*keys: str) -> str:
    """The digest of a few keys; cheaper than `key` where there are many."""
    return hashlib.sha256("|".join(keys).encode()).hexdigest()[:32]


def lines(values: Iterable[Any]) -> str:
    """The digest of many values, written one a line."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(f"{value}\n".encode())
    return digest.hexdigest()[:32]


def rows(table: pd.DataFrame) -> str:
    """The digest of a table's rows with their index; a gap is no text."""
    plain = table.astype(object).where(table.notna(), None)
    return lines(json.dumps(row, default=str) for row in plain.itertuples(index=True, name=None))


def seed(*parts: Any) -> int:
    """A seed below 2**31 derived from plain values."""
    return int(key("seed", *parts)[:12], 16) % 2**31


@cache
def code(module: str) -> str:
    """The digest of a module's code, of every project file that it imports, and of their libraries' versions.

    Docstrings, comments and annotations do not count, nor does what describes a plug-in (`data.describing`), nor more
    than major.minor of a version.
    """
    seen: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        text, imported = _read(name)
        seen[name] = text
        for other in imported:
            if other.split(".")[0] in PROJECT:
                waiting.append(other)
            else:
                libraries.add(other.split(".")[0])
    return key(seen, {name: _version(name) for name in sorted(libraries)})


def libraries(modules: Iterable[str]) -> list[str]:
    """The modules of other packages that some project modules import, at any depth, in order."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(modules)[::-1]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            imported = _read(name)[1]
            waiting += [other for other in imported if other.split(".")[0] in PROJECT]
            found |= dict.fromkeys(other for other in imported if other.split(".")[0] not in PROJECT)
    return [name for name in found if name.split(".")[0] not in sys.stdlib_module_names]


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """A module's code without what decides nothing, and the modules that it imports."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source file for module '{module}'")
    tree = _Bare().visit(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module, package=spec.submodule_search_locations is not None)
            inner = [f"{source}.{alias.name}" for alias in node.names]
            project = source.split(".")[0] in PROJECT
            modules = [name for name in inner if project and _is_module(name)]
            imported += modules or [source]
    return ast.unparse(tree), tuple(dict.fromkeys(imported))


def _absolute(node: ast.ImportFrom, module: str, *, package: bool) -> str:
    """The module that `from ... import` names, whether it counts from the top or from where it stands."""
    if not node.level:
        return node.module or ""
    up = node.level - 1 if package else node.level
    start = module.rsplit(".", up)[0] if up else module
    return f"{start}.{node.module}" if node.module else start


class _Bare(ast.NodeTransformer):
    """Drops docstrings, annotations, what is imported for them alone, and what describes a plug-in."""

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return super().visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class without the variables and the method by which a plug-in describes itself."""
        node.body = [statement for statement in node.body if not _describes(statement)] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """No import of what only describes."""
        return None if f"{node.module}.".startswith(WITHOUT_RESULT) else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """`a: int = 1` as `a = 1`; a bare annotation as its name, since fields have an order."""
        if node.value is None:
            return ast.copy_location(ast.Expr(node.target), node)
        return self.generic_visit(ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node))

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Nothing in place of `if TYPE_CHECKING:`."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


def _describes(statement: ast.stmt) -> bool:
    """Whether a statement of a class describes it; a dataclass's field of such a name is a parameter and does not."""
    if isinstance(statement, ast.FunctionDef):
        return statement.name == "describe"
    names: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and "ClassVar" in ast.unparse(statement.annotation):
        names = [statement.target]
    return bool(names) and all(isinstance(name, ast.Name) and name.id in DESCRIBING for name in names)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def _version(library: str) -> str:
    if library in sys.stdlib_module_names:
        return "standard library"
    try:
        version = importlib.metadata.version(DISTRIBUTIONS.get(library, library))
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(library)
        version = importlib.metadata.version(names[0]) if names else "absent"
    return ".".join(version.split(".")[:2])


class FileDigests:
    """Digests of files by their bytes, remembered by size and time of change so that a look-up reads nothing.

    Args:
        cache_file: Where they are remembered between runs.
    """

    def __init__(self, cache_file: Path) -> None:
        self._file = cache_file
        self._known: dict[str, list[Any]] = {}
        self._changed = False
        if cache_file.exists():
            try:
                self._known = json.loads(cache_file.read_text(encoding="utf-8"))
            except json.JSONDecodeError:
                cache_file.unlink()

    def __call__(self, path: Path) -> str:
        """The sha256 of a file's bytes."""
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        name = str(path.resolve())
        known = self._known.get(name)
        if known is not None and known[:3] == mark:
            return str(known[3])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._known[name] = [*mark, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        """Remembers for the next run; written under another name and renamed, so that a reader sees a whole file."""
        if self._changed:
            import os

            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft = self._file.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(self._known), encoding="utf-8")
            draft.replace(self._file)
            self._changed = False
