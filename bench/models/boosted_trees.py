"""Checks the trees of LightGBM and XGBoost in a skops file: both libraries follow indices without a check of bounds."""

from __future__ import annotations

import json
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import ArrayLike

LIGHTGBM, XGBOOST = "lightgbm.basic.Booster", "xgboost.core.Booster"


def is_wild(node: dict[str, Any], file: ZipFile) -> bool:
    """Whether a booster has a tree whose indices leave the tree, its inputs or its classes, or run in a circle.

    Args:
        node: Its node in the schema of the skops file.
        file: The skops file.

    Raises:
        Exception: It is no booster; the exception comes from json, numpy or XGBoost.
    """
    held = node["content"]["content"]
    if f"{node['__module__']}.{node['__class__']}" == LIGHTGBM:
        return _is_wild_lightgbm(json.loads(held["_handle"]["content"]))
    return _is_wild_xgboost(file.read(held["handle"]["file"]))


def _is_wild_lightgbm(text: str) -> bool:
    """Reads LightGBM's own text, before LightGBM does."""
    model, _, _ = text.partition("\nend of trees\n")
    head, *trees = model.split("\nTree=")
    facts = _facts(head)
    sizes = _numbers(facts["tree_sizes"])
    written = [len(f"Tree={tree}\n".encode()) for tree in trees]
    classes, features = int(facts["num_tree_per_iteration"]), int(facts["max_feature_idx"]) + 1
    whole = [int(size) for size in sizes] == written and classes == int(facts["num_class"]) > 0
    return not whole or len(trees) % classes > 0 or any(_is_wild_text(_facts(tree), features) for tree in trees)


def _is_wild_text(tree: dict[str, str], features: int) -> bool:
    """Inner nodes are counted from 0, and a leaf is the complement of its number."""
    leaves = int(tree["num_leaves"])
    values = {
        name: _numbers(tree.get(name, "")) for name in ("left_child", "right_child", "split_feature", "threshold")
    }
    kinds = _numbers(tree.get("decision_type", ""))
    lengths = {*map(len, values.values()), len(kinds), len(_numbers(tree["leaf_value"])) - 1}
    if lengths != {leaves - 1} or tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0" or (kinds % 2).any():
        return leaves != 1 or lengths != {0}
    children = np.concatenate([values["left_child"], values["right_child"]])
    inner, at = children[children >= 0], np.tile(np.arange(leaves - 1), 2)[children >= 0]
    found = [*inner.astype(int), *(leaves + ~children[children < 0].astype(int)), 0]
    wanted = [*range(leaves - 1), *range(leaves, 2 * leaves)] if leaves > 1 else [0]
    return sorted(found) != wanted or not (inner > at).all() or not _within(values["split_feature"], features)


def _is_wild_xgboost(data: bytes) -> bool:
    """Has XGBoost read the file and write its arrays, which follows no index."""
    from xgboost import Booster

    booster = Booster()
    booster.__setstate__({"handle": bytearray(data)})
    learner = json.loads(booster.save_raw("json"))["learner"]
    model = learner["gradient_booster"]["model"]
    facts = learner["learner_model_param"]
    classes, features, trees = max(1, int(facts["num_class"])), int(facts["num_feature"]), model["trees"]
    rounds = model["iteration_indptr"]
    whole = len(model["tree_info"]) == len(trees) == rounds[-1] and rounds[0] == 0 and rounds == sorted(rounds)
    return not whole or not _within(model["tree_info"], classes) or any(_is_wild_arrays(t, features) for t in trees)


def _is_wild_arrays(tree: dict[str, Any], features: int) -> bool:
    """Nodes are counted from 0; a leaf has the children -1."""
    left, right, split = (np.array(tree[f"{name}"]) for name in ("left_children", "right_children", "split_indices"))
    facts, nodes = tree["tree_param"], len(left)
    lengths = {nodes, len(right), len(split), len(tree["split_conditions"]), len(tree["default_left"])}
    numeric = int(facts["num_feature"]) == features and int(facts["size_leaf_vector"]) <= 1 and not tree["categories"]
    if lengths != {int(facts["num_nodes"])} or not numeric or np.any(tree["split_type"]) or not nodes:
        return True
    inner = np.flatnonzero(left != -1)
    children = np.concatenate([left[inner], right[inner]])
    after = children > np.tile(inner, 2)  # a child stands after its parent: no circle
    once = len(set(children.tolist())) == len(children)
    leaves_end = bool((right[left == -1] == -1).all())
    return not (after.all() and _within(children, nodes) and once and leaves_end and _within(split[inner], features))


def _within(values: ArrayLike, end: int) -> bool:
    found = np.asarray(values)
    return bool(((found >= 0) & (found < end)).all())


def _facts(text: str) -> dict[str, str]:
    return {name: value for name, found, value in (line.partition("=") for line in text.splitlines()) if found}


def _numbers(text: str) -> Any:
    return np.array([float(word) for word in text.split()])
