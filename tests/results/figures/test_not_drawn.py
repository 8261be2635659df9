"""Figures draw and say nothing of what a run does not have."""

import re

import numpy as np

from results.figures import draw_one
from results.run_folder import read


def test_under_ten_patients_and_on_one_test_part_captions_speak_of_no_bands_and_no_folds(new_run):
    writer = new_run(n_patients=8)
    writer.add(writer.signal, heads="svc")
    writer.add_floors()
    few = read(writer.finish())
    writer = new_run("once", protocol={"folds": 1, "repeats": 1, "split": "official", "validation": False})
    writer.fold[0] = np.zeros(40, dtype=int)
    writer.add(writer.signal, heads="svc")
    writer.add_floors()
    once = read(writer.finish())
    for name in (
        "roc",
        "precision_recall",
        "reliability",
        "decision_curves",
        "confusion_matrix",
        "forest",
        "leaderboard",
    ):
        caption = draw_one(once, name, "narrowing").caption
        assert not re.search(r"[Ff]olds|repeats", caption.replace("training sets that overlap", "")), (name, caption)
    for name in ("roc", "precision_recall", "reliability", "decision_curves"):
        figure = draw_one(few, name, "narrowing")
        assert "none are drawn, since there are fewer than 10 patients" in figure.caption
        drawn = [path.vertices for panel in figure.axes for one in panel.collections for path in one.get_paths()]
        assert not any(np.isfinite(corners).all(axis=1).sum() > 1 and np.ptp(corners[:, 1]) > 0 for corners in drawn)
