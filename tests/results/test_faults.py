"""Faults of other targets are not counted for a target."""

import numpy as np
import pandas as pd

from results.figures.flow import flow
from results.run_folder import read
from results.tables.who import left_out

TWO = "its sequences contradict each other in"
OUT = "left out of this target"
REASONS = [
    f"narrowing is absent: {OUT}",
    f"line 7: narrowing is old is '9', expected 0 to 1: {OUT}",
    f"{TWO} modic, so it is {OUT}: 1 (line 2) and 2 (line 3)",
    f"{TWO} narrowing, so it is {OUT}: 0 (line 4) and 1 (line 5)",
    "narrowing is truncated",
]


def test_the_faults_of_a_target_are_its_own_and_those_of_all_samples(new_run):
    writer = new_run(n_excluded=len(REASONS))
    for target in ("narrowing", "narrowing is old"):
        writer.add(writer.signal, heads="svc", target=target, rows=np.arange(120) < 117)
    path = writer.folder / "samples.parquet"
    table = pd.read_parquet(path)
    table.assign(**{"narrowing is old": table["narrowing"], "modic": 0}).to_parquet(path)  # no cell predicts modic
    rows = pd.DataFrame({"file": "a.csv", "sample": "s", "sequence": "", "reason": REASONS})
    rows.to_csv(writer.folder / "excluded.csv", index=False)
    run = read(writer.finish())
    first, second = (flow(run, target).caption for target in run.targets)
    own = f"1: narrowing is absent; 1: {TWO} narrowing, so it is {OUT}; 1: narrowing is truncated."
    assert f"(3 rows of excluded.csv, without 2 of other targets): {own}" in first
    assert "(2 rows of excluded.csv, without 3 of other targets)" in second and "in narrowing" not in second
    note = left_out(run, "narrowing", ["cell0"])
    assert note.endswith("; excluded.csv lists 3 faults and 2 of other targets")
