"""Keys: everything that decides a result, as one digest. It never uses a path, a repr or Python's `hash`."""

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

from bench.loaded import CodeChangedError, Mark, is_stale, mark, note_loaded
from bench.plan.file_memory import FileMemory, digest_of
from bench.plugins import PACKAGES
from data.describing.plug_in import DECLARING, DESCRIBING

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
WITHOUT_RESULT = "data.describing."  # modules on which no result depends
PROJECT = set(PACKAGES)
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
    """The digest of a few keys; cheaper than `key` if there are many of them."""
    return hashlib.sha256("|".join(keys).encode()).hexdigest()[:32]


def lines(values: Iterable[Any]) -> str:
    """The digest of many values, each written on its own line."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(f"{value}\n".encode())
    return digest.hexdigest()[:32]


def rows(table: pd.DataFrame) -> str:
    """The digest of a table's rows with their index; a gap differs from every text."""
    plain = table.astype(object).where(table.notna(), None)
    return lines(json.dumps(row, default=str) for row in plain.itertuples(index=True, name=None))


def seed(*parts: Any) -> int:
    """A seed below 2**31 derived from plain values."""
    return int(key("seed", *parts)[:12], 16) % 2**31


@cache
def code(module: str) -> str:
    """The digest of a module's code, of every project file that it imports, and of their libraries' versions.

    Docstrings, comments, annotations and what describes a plug-in or its training (`data.describing`) do not count; of
    a version, only major.minor counts. The digest of each file is remembered in the folder of the last call of
    `remember`.
    """
    seen: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen[name], imported = _read(name)
        for other in imported:
            if other.split(".")[0] in PROJECT:
                waiting.append(other)
            else:
                libraries.add(other.split(".")[0])
    _bare_files.save()
    return key(seen, {name: _version(name) for name in sorted(libraries)})


def remember(folder: Path) -> None:
    """Remembers the digests of the project's files in `folder/code.json`, so that the next run parses none of them.

    Raises:
        CodeChangedError: A module whose code is in keys was changed after it was loaded.
    """
    global _bare_files
    for module, (file, _, digest) in _digested.items():
        if is_stale(module) and _bare(file)[0] != digest:
            raise CodeChangedError(module)
    how = [list(sys.version_info[:2]), digest_of(Path(__file__)), sorted(DESCRIBING | DECLARING)]
    _bare_files = FileMemory(_bare, folder / "code.json", made_by=how)


def check_loaded() -> None:
    """Checks the modules that were loaded since the last call: their code must be what the keys name.

    Raises:
        CodeChangedError: A file was changed between the making of the keys and its first import.
    """
    for module in note_loaded(PROJECT):
        if module in _digested:
            file, before, digest = _digested[module]
            if mark(str(file)) != before and _bare(file)[0] != digest:
                raise CodeChangedError(module)


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
    """The digest of a module's code, without what decides no result, and the modules that it imports."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source file for module '{module}'")
    note_loaded(PROJECT)
    if is_stale(module):
        raise CodeChangedError(module)
    before = mark(spec.origin)
    digest, statements = _bare_files(Path(spec.origin))
    _digested[module] = Path(spec.origin), before, digest
    imported: list[str] = []
    for level, name, inner in statements:
        source = _absolute(level, name, module, package=spec.submodule_search_locations is not None)
        project = source.split(".")[0] in PROJECT
        modules = [found for one in inner if project and _is_module(found := f"{source}.{one}")]
        imported += modules or [source]
    return digest, tuple(dict.fromkeys(imported))


def _bare(path: Path) -> tuple[str, list[tuple[int, str, list[str]]]]:
    """The digest of a file's code, without what decides no result, and its imports: level, module and names of each."""
    tree = _Bare().visit(ast.parse(path.read_text(encoding="utf-8")))
    imports: list[tuple[int, str, list[str]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", [alias.name for alias in node.names]))
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:32], imports


def _absolute(level: int, name: str, module: str, *, package: bool) -> str:
    """The full name of the module that an import names, which may be relative."""
    if not level:
        return name
    up = level - 1 if package else level
    start = module.rsplit(".", up)[0] if up else module
    return f"{start}.{name}" if name else start


class _Bare(ast.NodeTransformer):
    """Drops docstrings, annotations, what is imported for them alone, what describes a plug-in, and what only tells."""

    def __init__(self) -> None:
        self._only_tells: set[str] = set()

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
        """Drops from a class the variables and methods by which a plug-in describes itself."""
        node.body = [statement for statement in node.body if not _describes(statement)] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Drops an import of what only describes."""
        if not f"{node.module}.".startswith(WITHOUT_RESULT):
            return node
        self._only_tells.update(alias.asname or alias.name for alias in node.names)
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drops a statement that hands values to what only describes, unless it computes them first."""
        told = node.value
        if isinstance(told, ast.Call) and isinstance(told.func, ast.Name) and told.func.id in self._only_tells:
            given = [*told.args, *(keyword.value for keyword in told.keywords)]
            if not any(_computes(part) for one in given for part in ast.walk(one)):
                return None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Turns `a: int = 1` into `a = 1`, and a bare annotation into its name, since fields have an order."""
        if node.value is None:
            return ast.copy_location(ast.Expr(node.target), node)
        return self.generic_visit(ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node))

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drops `if TYPE_CHECKING:`."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


def _computes(part: ast.AST) -> bool:
    """Whether a part of an expression may change something; the length of something does not."""
    if isinstance(part, ast.Call):
        return not (isinstance(part.func, ast.Name) and part.func.id == "len")
    return isinstance(part, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom))


def _describes(statement: ast.stmt) -> bool:
    """Whether a statement of a class describes the class; a dataclass field with such a name is a parameter instead."""
    if isinstance(statement, ast.FunctionDef):
        return statement.name in DECLARING
    names: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and "ClassVar" in ast.unparse(statement.annotation):
        names = [statement.target]
    return bool(names) and all(isinstance(name, ast.Name) and name.id in DESCRIBING for name in names)


@cache
def _is_module(name: str) -> bool:
    """Whether there is such a module. Only a package is asked for its modules, since asking imports it."""
    parent = name.rpartition(".")[0]
    try:
        above = importlib.util.find_spec(parent) if parent and _is_module(parent) else None
        if parent and (above is None or above.submodule_search_locations is None):
            return False
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


_bare_files = FileMemory(_bare, None)
_digested: dict[str, tuple[Path, Mark | None, str]] = {}
"""The file of each module that is in a key, how it was then, and the digest of its code."""
