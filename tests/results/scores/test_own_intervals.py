"""The interval of a cell is its own: neither other cells nor the order of rows move it."""

import numpy as np
from numpy.testing import assert_allclose

from results.run_folder import read
from results.scores.scores import scores


def rated(run, seed):
    return run.signal + np.random.default_rng(seed).normal(size=len(run.y))


ENDS = [f"{name}_{end}" for name in ("auc", "accuracy", "f1", "gain") for end in ("low", "high")]


def test_an_interval_does_not_move_when_other_cells_on_other_patients_join_the_run(new_run):
    found = []
    for name, others in (("lone", False), ("joined", True)):
        run = new_run(name, seed=2)
        key = run.add(rated(run, 1), heads="svc", sequences="t1")
        run.add(run.level - 1.0, heads="location", floor=True, sequences="t1")
        if others:
            run.add(rated(run, 2), heads="knn", sequences="t2", rows=run.of_patient >= 25)
            run.add(rated(run, 3), heads="mlp", sequences="t3", rows=run.of_patient % 3 == 0)
        found.append(scores(read(run.finish()), resamples=200).set_index("key").loc[key, ENDS].astype(float))
    assert np.isfinite(found[0]).all()
    assert_allclose(found[1], found[0], rtol=1e-12)


def test_an_interval_does_not_depend_on_the_order_of_rows(new_run):
    found = []
    for name, order in (("usual", slice(None)), ("turned", slice(None, None, -1))):
        run = new_run(name, seed=3, repeats=2)
        key = run.add(rated(run, 1), heads="svc", rows=order)
        run.add(run.level - 1.0, heads="location", floor=True)
        found.append(scores(read(run.finish()), resamples=200).set_index("key").loc[key, ENDS].astype(float))
    assert np.isfinite(found[0]).all()
    assert_allclose(found[1], found[0], rtol=1e-9)
