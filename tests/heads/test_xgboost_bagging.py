"""The bag depends on the seed: 10 members of 100 rounds at eta .1 and depth 6, each on .8 of the rows and features."""

import json

import numpy as np
from numpy.testing import assert_allclose
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import roc_auc_score
from xgboost import XGBClassifier

from heads.xgboost_bagging import XGBoostBagging


def test_members_rounds_and_shares(problem):
    training, test, _ = problem(n=100, features=20)
    bag = XGBoostBagging().fit(training, seed=0).classifier
    assert len(bag.models) == 10
    assert [len(np.unique(columns)) for columns in bag.columns] == [16] * 10
    for model in bag.models:
        assert model.get_booster().num_boosted_rounds() == 100
        options = json.loads(model.get_booster().save_config())["learner"]["gradient_booster"]["tree_train_param"]
        assert_allclose([float(options["eta"]), int(options["max_depth"])], [0.1, 6], rtol=1e-6)
    each = [model.predict_proba(test[:, columns]) for model, columns in zip(bag.models, bag.columns, strict=True)]
    assert_allclose(bag.predict_proba(test), np.mean(each, axis=0), atol=1e-6)


def test_ranks_as_well_as_scikit_learns_bag_of_the_same_members(problem):
    training, test, y = problem(n=300, features=20, apart=1.5)
    member = XGBClassifier(n_estimators=20, learning_rate=0.1, max_depth=6, n_jobs=1)
    theirs = BaggingClassifier(member, 10, max_samples=0.8, max_features=0.8, random_state=0)
    theirs.fit(training.X, training.y)
    ours = XGBoostBagging(rounds=20).fit(training, seed=0)
    auc, other = (roc_auc_score(y, bag.predict_proba(test)[:, 1]) for bag in (ours, theirs))
    assert abs(auc - other) < 0.02
    p, q = ours.predict_proba(test)[:, 1], theirs.predict_proba(test)[:, 1]
    assert np.corrcoef(p, q)[0, 1] > 0.95
