"""What the intervals of a table cover, in a sentence."""

from __future__ import annotations

from results.run_folder import Run


def covers(run: Run, resamples: int, left_out: int, *, rows: str = ", the same for all rows") -> str:
    """The note on intervals and what they cover; `rows` are words on the rows that share the resamples."""
    lacks = "lacks a class and is" if left_out == 1 else "lack a class and are"
    less = f"; up to {left_out} of them {lacks} left out" if left_out else ""
    how = f"bootstrap over patients ({resamples} resamples{rows}{less})"
    if run.test_to_train(run.targets[0]) == 0:
        return f"[ ]: 95 % interval of the fitted models at hand, by a {how}: it covers the sampling of patients alone."
    learnt = "for training sets that overlap" if run.crossed else "for a training set that is one of many"
    return (
        f"[ ]: 95 % interval that covers the sampling of patients and of training sets, by a {how} and the correction "
        f"of Nadeau and Bengio (2003) {learnt}."
    )
