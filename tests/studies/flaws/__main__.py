"""What each mistake does to one phantom's scores: `python -m tests.studies.flaws [--patients N] [--effect E]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tabulate import tabulate

from data.phantom import write_rsna_phantom
from tests.studies.flaws.cohort import Cohort, Scores, read
from tests.studies.flaws.flaws import FLAWS

HEADER = ("Mistake", "Rows", "Largest class", "Accuracy", "Macro F1", "Macro AUC")


def table(cohort: Cohort) -> str:
    """One row for each mistake; changed scores are shown as `without -> with`."""
    lines = [_line(flaw.__name__, flaw(cohort, wrong=False), flaw(cohort, wrong=True)) for flaw in FLAWS]
    return tabulate(lines, HEADER, tablefmt="pipe", disable_numparse=True)


def _line(name: str, without: Scores, with_it: Scores) -> tuple[str, ...]:
    pairs = zip(without, with_it, strict=True)
    drawn = [tuple(str(v) if isinstance(v, int) else f"{v:.3f}".lstrip("0") for v in pair) for pair in pairs]
    return (name.replace("_", " "), *(a if a == b else f"{a} -> {b}" for a, b in drawn))


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--effect", type=float, default=0.5, help="how much the gradings show, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_rsna_phantom(Path(folder), patients=given.patients, test_patients=0, seed=given.seed, effect=given.effect)
        cohort = read(Path(folder))
        print(f"{len(cohort.samples)} foramina of {given.patients} phantom patients, effect {given.effect}\n")
        print(table(cohort))


if __name__ == "__main__":
    _main()
