"""Decides which skops files are read: every node must have a kind and a name that chains of this project hold.

skops resolves a name by `getattr`, so it does not protect to check how a name begins: `heads.cascade.importlib` is a
module. A method or an operator of such an object would run code of the file's writer. Therefore there is a list of
kinds and an exact rule for names.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import pkgutil
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from zipfile import ZipFile

import numpy as np

from bench.models.boosted_trees import LIGHTGBM, XGBOOST, is_wild

PACKAGES = (
    "bench.stages",
    "encoders",
    "encoders.fusion",
    "encoders.fusion.networks",
    "encoders.missing",
    "encoders.missing.filling",
    "encoders.networks",
    "encoders.scaling",
    "heads",
    "heads.fitting",
    "preprocessing.tables",
)
FUNCTIONS = ("encoders.fusion.", "encoders.missing.")  # steps that learn nothing are plain functions
BOOSTERS = {LIGHTGBM, XGBOOST}
KNOWN = {*BOOSTERS, "lightgbm.sklearn.LGBMClassifier", "xgboost.sklearn.XGBClassifier"}
ORDERED = "collections.OrderedDict"  # LightGBM holds one as the type of a dictionary's values
TREE = "sklearn.tree._tree.Tree"  # read without a look at its indices: `wild_trees`
PLAIN = {
    "BytearrayNode",
    "BytesNode",
    "DefaultDictNode",
    "DictNode",
    "DTypeNode",
    "JsonNode",
    "ListNode",
    "NdArrayNode",
    "RandomGeneratorNode",
    "RandomStateNode",
    "SetNode",
    "SliceNode",
    "SparseMatrixNode",
    "TupleNode",
}


class SkopsFile:
    """The nodes of a skops file, of which nothing is built.

    Args:
        data: The file's bytes.

    Raises:
        Exception: It is no skops file; the exception comes from zipfile, json or skops.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        schema = _schema(data)
        self._protocol, self._nodes = schema["protocol"], list(_nodes(schema))

    @cached_property
    def unknown(self) -> list[str]:
        """The names that skops itself does not trust."""
        import skops.io

        found: list[str] = skops.io.get_untrusted_types(data=self._data)
        return found

    def foreign(self) -> str:
        """The first thing in the file that no chain holds, or an empty text."""
        import skops.io

        if self._protocol != _schema(skops.io.dumps(None))["protocol"]:
            return f"nodes of protocol {self._protocol}"
        unknown = set(self.unknown)
        kinds = dict.fromkeys((node["__loader__"], node["__module__"], node["__class__"]) for node in self._nodes)
        for kind, module, name in kinds:
            if not _allowed(kind, module, name, f"{module}.{name}" in unknown):
                return f"{module}.{name} ({kind})"
        return ""

    def wild_boosters(self) -> bool:
        """Whether the file holds boosted trees whose indices lead astray; nothing in it is built but boosters."""
        with ZipFile(io.BytesIO(self._data)) as file:
            nodes = [one for one in self._nodes if f"{one['__module__']}.{one['__class__']}" in BOOSTERS]
            return any(is_wild(one, file) for one in nodes if one["__loader__"] == "ObjectNode")

    def wild_trees(self, table: Any) -> bool:
        """Whether there is a tree whose indices leave the tree or its inputs, or that is in no forest of the table.

        scikit-learn follows a tree's indices without a check of bounds.

        Args:
            table: The encoder of table columns that was built from the file.
        """
        trees: dict[int, Any] = {}
        for forest in filter(None, getattr(table, "forests", ())):
            for one in forest.estimators_:
                if one.n_features_in_ != forest.n_features_in_ or _wild(one.tree_, forest.n_features_in_):
                    return True
                trees[id(one.tree_)] = one.tree_
        return len(trees) != len([node for node in self._nodes if node["__loader__"] == "TreeNode"])


def _wild(tree: Any, features: int) -> bool:
    inner = np.flatnonzero(tree.children_left != -1)
    children = np.stack([tree.children_left[inner], tree.children_right[inner]])
    inside = (children > inner) & (children < tree.node_count)  # a child stands after its parent: no circle
    read = tree.feature[inner]
    return not bool(inside.all() and (read >= 0).all() and (read < features).all())


def _schema(data: bytes) -> dict[str, Any]:
    with ZipFile(io.BytesIO(data)) as file:
        found: dict[str, Any] = json.loads(file.read("schema.json"))
    return found


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """Every node of a schema that skops may build, at any depth."""
    left = [part]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if not {"__class__", "__module__", "__loader__"}.isdisjoint(one):
                yield one
            left += one.values()
        elif isinstance(one, list):
            left += one


def _allowed(kind: str, module: str, name: str, unknown: bool) -> bool:
    """Whether chains hold such a node; `unknown` if skops itself does not trust its name."""
    if kind == "FunctionNode":
        return module.startswith(FUNCTIONS) and inspect.isfunction(_own(module, name))
    if kind == "ObjectNode":
        return not unknown or f"{module}.{name}" in KNOWN or inspect.isclass(_own(module, name))
    if kind == "TypeNode":
        return not unknown or f"{module}.{name}" == ORDERED
    if kind == "TreeNode":
        return f"{module}.{name}" == TREE
    return kind in PLAIN and not unknown


def _own(module: str, name: str) -> Any:
    """The object that a file of the project's own packages defines under a name, or None."""
    package, _, file = module.rpartition(".")
    if package not in PACKAGES or not name.isidentifier():
        return None
    files = pkgutil.iter_modules(importlib.import_module(package).__path__)
    if file not in {one.name for one in files if not one.ispkg}:
        return None
    found = vars(importlib.import_module(module)).get(name)
    same = getattr(found, "__module__", None) == module and getattr(found, "__qualname__", None) == name
    return found if same else None
