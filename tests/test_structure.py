"""The project keeps its shape: imports without circles, short files, folders of plug-ins, one name for each class."""

import ast
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from bench.plugins import BASES, find

ROOT = Path(__file__).parent.parent
LONGEST = 300
PACKAGES = ("bench", "data", "encoders", "heads", "preprocessing", "results")
PLUGINS = tuple(package.replace(".", "/") for package, _ in BASES.values())


def files(pattern="*.py"):
    """All files of the project with such a name, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for line in listed.splitlines() if (path := ROOT / line).is_file()]


def modules():
    """The syntax tree of every module outside tests, by its name."""
    trees = {}
    for path in files():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] in PACKAGES:
            trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    return trees


def imported(tree, known):
    """The project's modules that a module imports when it is loaded, and those under `TYPE_CHECKING`."""
    found, todo = set(), list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(inner & known or {node.module})
            if not inner <= known:
                found.add(node.module)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found & known


def circles(edges):
    """The groups of modules that import each other, by Tarjan's algorithm."""
    number, low, stack, found = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in edges[module]:
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in edges:
        if module not in number:
            visit(module)
    return found


def test_circles_are_found():
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": set()}
    assert circles(edges) == [["a", "b", "c"]]
    source = "import a\nif TYPE_CHECKING:\n    from p import b\ndef f():\n    import c\n"
    assert imported(ast.parse(source), {"a", "p", "p.b", "c"}) == {"a", "p.b"}


def test_no_imports_go_in_a_circle():
    trees = modules()
    edges = {name: sorted(imported(tree, set(trees)) - {name}) for name, tree in trees.items()}
    found = circles(edges)
    assert not found, f"modules that import each other: {found}"


def test_no_file_is_long():
    long = {}
    for path in files():
        lines = len(path.read_text().splitlines())
        if lines > LONGEST:
            long[str(path.relative_to(ROOT))] = lines
    assert not long, f"files of more than {LONGEST} lines: {long}"


def test_every_page_was_merged_whole():
    pages = files("*.md") + files("*.yaml")
    assert len(pages) > 30
    halves = [path.name for path in pages if any(f"\n{mark * 7} " in path.read_text("utf-8") for mark in "<>")]
    assert not halves, f"pages in which a merge was left open: {halves}"


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_folder_of_plugins_holds_nothing_else(folder):
    """Every file except `base.py` is one plug-in; what serves them lies in folders of its own."""
    kind = folder.rpartition("/")[2]
    here = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__", "base"}
    assert here == {name for name in find(kind) if (ROOT / folder / f"{name}.py").is_file()}


def test_no_two_public_classes_have_one_name():
    defined = defaultdict(list)
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(name)
    shared = {name: where for name, where in defined.items() if len(where) > 1}
    assert not shared, f"names of several classes: {shared}"
