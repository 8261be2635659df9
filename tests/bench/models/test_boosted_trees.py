"""Trees of boosters that lead out of their bounds are found before a library follows them."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import skops.io

from bench.models.trust import SkopsFile

LIGHTGBM = {
    "a child that does not exist": (r"left_child=(\S+)", "left_child=7"),
    "a leaf that does not exist": (r"right_child=(\S+)", "right_child=-9"),
    "a circle": (r"left_child=(\S+)", "left_child=0"),
    "a feature that does not exist": (r"split_feature=(\S+)", "split_feature=4"),
    "a negative feature": (r"split_feature=(\S+)", "split_feature=-1"),
    "more leaves than values": (r"num_leaves=\d+", "num_leaves=9"),
    "categories": (r"num_cat=0", "num_cat=1"),
    "a categorical split": (r"decision_type=\d+", "decision_type=1"),
    "fewer trees than classes": (r"num_tree_per_iteration=3", "num_tree_per_iteration=9"),
    "a size of another text": (r"tree_sizes=\d+", "tree_sizes=99"),
}
XGBOOST = {
    "a child that does not exist": ("left_children", 99),
    "a circle": ("left_children", 0),
    "the same child twice": ("left_children", 2),
    "a feature that does not exist": ("split_indices", 4),
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)


@pytest.fixture(scope="module")
def lightgbm(rows):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=3, num_leaves=4, min_child_samples=5, verbosity=-1).fit(*rows)


@pytest.fixture(scope="module")
def xgboost(rows):
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=3, max_depth=2).fit(*rows)


def changed(classifier, change):
    """A skops file whose schema is changed as text."""
    data, out = skops.io.dumps(classifier), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content.decode()) if name == "schema.json" else content)
    return out.getvalue()


def test_trees_that_were_fitted_are_sound(lightgbm, xgboost, rows):
    from lightgbm import LGBMClassifier

    stump = LGBMClassifier(n_estimators=2, min_child_samples=80, verbosity=-1).fit(*rows)  # trees of a single leaf
    two = LGBMClassifier(n_estimators=2, num_leaves=31, min_child_samples=2, verbosity=-1).fit(rows[0], rows[1] > 0)
    for classifier in (lightgbm, xgboost, stump, two):
        assert not SkopsFile(skops.io.dumps(classifier)).wild_boosters()


@pytest.mark.parametrize("fault", LIGHTGBM)
def test_lightgbm(fault, lightgbm):
    pattern, replacement = LIGHTGBM[fault]

    def change(schema):
        text, n = re.subn(pattern, replacement, schema, count=1)
        assert n == 1
        old, new = (re.search(r"tree_sizes=(\d+)", one)[1] for one in (schema, text))
        if (
            old == new and "tree_sizes" not in pattern
        ):  # the size of the tree follows, so that it does not show the fault
            size = int(old) + len(text) - len(schema) if "num_tree" not in pattern else int(old)
            text = text.replace(f"tree_sizes={old}", f"tree_sizes={size}")
        return text

    assert SkopsFile(changed(lightgbm, change)).wild_boosters()


@pytest.mark.parametrize("fault", XGBOOST)
def test_xgboost(fault, xgboost):
    from xgboost import Booster

    field, value = XGBOOST[fault]
    model = json.loads(xgboost.get_booster().save_raw("json"))
    model["learner"]["gradient_booster"]["model"]["trees"][0][field][0] = value
    crafted = Booster()
    crafted.load_model(bytearray(json.dumps(model).encode()))
    assert SkopsFile(skops.io.dumps(crafted)).wild_boosters()


def test_a_tree_of_a_class_that_does_not_exist(xgboost):
    from xgboost import Booster

    model = json.loads(xgboost.get_booster().save_raw("json"))
    model["learner"]["gradient_booster"]["model"]["tree_info"][0] = 3
    crafted = Booster()
    crafted.load_model(bytearray(json.dumps(model).encode()))
    assert SkopsFile(skops.io.dumps(crafted)).wild_boosters()
