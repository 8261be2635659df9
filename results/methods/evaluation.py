"""Scores, comparisons and their statistics in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from results.flow import counted
from results.inner_splits import listed
from results.methods.evidence import Evidence
from results.methods.families import family_made, in_family, reference
from results.methods.steps import in_words
from results.nulls import exchange_of, expected_of, folds_of, smallest_p
from results.scores.choice import EXPLORATORY
from results.scores.family import when_declared
from results.scores.records import records
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import OfPairs
from results.tables.notes import is_perfect

FEW = f"fewer than {EXPLORATORY} patients in a class"


def statistics(evidence: Evidence) -> Iterator[str]:
    """Metrics, pooling, intervals, null runs."""
    yield from metrics(evidence)
    yield from beside(evidence)
    yield from intervals(evidence)
    yield from floors(evidence)
    yield from nulls(evidence)
    yield from declared(evidence)
    yield from best(evidence)


def best(evidence: Evidence) -> Iterator[str]:
    """What the score of the best of several cells is worth."""
    n = len({tuple(cell.axes.values()) for cell in evidence.cells if cell.status == "done"})
    if n < 2:
        return
    yield (
        f"The best of the {n} combinations was picked on the data that it is scored on, so its score may be optimistic."
    )
    if evidence.corrected:
        yield (
            "Its AUC is also given corrected for this choice: chosen in resamples of the patients, scored on those "
            "left out (BBC-CV) [@tsamardinos2018]."
        )


def declared(evidence: Evidence) -> Iterator[str]:
    """How the comparisons that the grid declared were tested."""
    families = evidence.run.compare
    if not families:
        return
    made = [family_made(evidence.run, family) for family in families]
    n = "One family of comparisons was" if len(families) == 1 else f"{len(families)} families of comparisons were"
    yield f"{n} declared in the grid."
    for i, (family, one) in enumerate(zip(families, made, strict=True), start=1):
        metric = _lower(METRICS[family["metric"]].title(evidence.run.within))
        since = f", declared{after}," if (after := when_declared(family)) else ""
        yield (
            f"{'It' if len(families) == 1 else f'Family {i}'}{since} compared {in_family(family)} with "
            f"{reference(evidence.run, family)} by {metric}; comparisons that could be made: {one.text()}."
        )
    if not any(made):
        return
    paired = "Differences were paired over the samples that both cells predict, in the same resamples of patients"
    both = [(i, one) for i, (f, one) in enumerate(zip(families, made, strict=True), 1) if f["against"] != "best"]
    tested = {name for _, one in both for name, n in one.compared.items() if n and name not in one.exploratory}
    untested = [(i, name) for i, one in both for name, n in one.compared.items() if n and name in one.exploratory]
    against_best = all(family["against"] == "best" for family in families)
    margins = {family["margin"] for family in families if family["margin"] is not None and family["against"] != "best"}
    within = " or ".join(f"{margin:g}" for margin in sorted(margins))
    if not tested or against_best:
        why = "the best was chosen by the same numbers" if against_best else f"all are exploratory ({FEW})"
        yield f"{paired}. They were not tested, since {why}."
        if margins:
            yield f"So equivalence within the declared margin of {within} was not tested either."
        return
    yield (
        f"{paired}, and tested by Student's t with the standard errors of the intervals; p-values of a family were "
        "adjusted by step-down max-|t| over these resamples [@romano2005]."
    )
    if untested:
        neither = f", neither for a difference nor for equivalence within {within}" if margins else ""
        which = [f"{name} in family {i}" if len(families) > 1 else name for i, name in untested]
        yield f"Exploratory comparisons ({FEW}) were not tested{neither}: those of {listed(which)}."
    measures = {family["metric"] for family in families if family["against"] != "best"}
    classes = {cell.target: len(cell.classes) for cell in evidence.cells if cell.target in tested}
    only = "" if set(classes.values()) == {2} else " (targets with two classes)"
    two = 2 in classes.values()
    single = [f"clustered DeLong [@obuchowski1997]{only}"] if "auc" in measures and two else []
    single += ["clustered McNemar [@durkalski2003]"] if "accuracy" in measures else []
    if single:
        yield f"For the fitted models alone, p-values by {' and '.join(single)} are given, which count patients."
    if margins:
        yield (
            f"Equivalence within {within} was tested by two one-sided tests at 5 % [@schuirmann1987], each by itself; "
            "the probabilities of a practical difference are those of the correlated Bayesian t test [@benavoli2017]."
        )


def metrics(evidence: Evidence) -> Iterator[str]:
    """The scores and how they are pooled over folds."""
    run, repeats = evidence.run, evidence.folds["repeat"].nunique()
    over = f", then averaged over the {repeats} repeats" if repeats > 1 else ""
    ordinal = any(cell.ordinal for cell in run.cells)
    names = [name for name in evidence.metrics if name in METRICS and (ordinal or not METRICS[name].ordinal)]
    names = [name for name in names if run.places or name != "auc_within_location"]
    if names:
        some = not all(cell.ordinal for cell in run.cells)
        only = {name: " (ordinal targets)" if some and METRICS[name].ordinal else "" for name in names}
        labels = [_lower(METRICS[name].title(run.within)) + only[name] for name in names]
        yield f"Scores were {', '.join(labels)}." if len(labels) > 1 else f"The score was {labels[0]}."
    else:
        yield "[AUTHORS: name the scores; the run folder keeps no table of them.]"
    parts = len(evidence.folds.loc[evidence.folds["fold"] >= 0, ["repeat", "fold"]].drop_duplicates())
    pooled = (
        "compared samples of the same fold only and was pooled over the folds by their numbers of pairs of a positive "
        f"and a negative sample{over}"
        if parts > 1
        else "was taken over all test samples"
    )
    macro = any(len(cell.classes) > 2 for cell in run.cells)
    more = " With more than two classes it is the mean over the classes, each against the rest." if macro else ""
    yield f"AUC {pooled}.{more}"
    if parts > 1 and any(not isinstance(METRICS[name], OfPairs) for name in names):
        yield f"Other scores pooled the predictions of all folds{' of a repeat' if repeats > 1 else ''}{over}."
    if "auc_within_location" in names:
        yield f"AUC within {run.within} compared samples of the same {' x '.join(run.within_columns)}."


def beside(evidence: Evidence) -> Iterator[str]:
    """The scores in tables of their own."""
    if evidence.own_scores:
        yield f"The dataset's own scores were {', '.join(evidence.own_scores)}."
    if (evidence.run.folder / "filling.csv").exists():
        yield (
            "How well absent sequences were filled was measured on test patients: each sequence that a sample has was "
            "hidden in turn, filled, and compared with the truth."
        )


def _perfect_scores(evidence: Evidence) -> Iterator[str]:
    """What the interval of a perfect score is, if there is one."""
    rows = [] if evidence.scores is None else [row for row in records(evidence.scores) if row["status"] == "done"]
    perfect = (METRICS[name] for name in evidence.metrics if name in METRICS and is_perfect(name, rows))
    if titles := list(dict.fromkeys(metric.title(evidence.run.within) for metric in perfect)):
        yield (
            f"Where a score is perfect (here {listed(titles)}), no resample changes it: the other end of its interval "
            "is the exact one of as many patients without an error [@clopper1934]."
        )


def intervals(evidence: Evidence) -> Iterator[str]:
    """What intervals are made of and what they cover."""
    if not evidence.resamples:
        yield "[AUTHORS: the run folder keeps no table of scores with intervals; say how uncertainty was estimated.]"
        return
    were = "was" if evidence.left_out == 1 else "were"
    less = f" (up to {evidence.left_out} lacked a class and {were} left out)" if evidence.left_out else ""
    yield (
        f"Intervals are 95 % intervals from the standard error of a bootstrap over patients [@field2007] with "
        f"{evidence.resamples} resamples{less}, the same for all cells, by Student's t on the logit scale "
        "(differences: on their own scale)."
    )
    yield from _perfect_scores(evidence)
    if evidence.run.test_to_train(evidence.run.targets[0]) == 0:
        yield "They hold for the fitted models: they cover the sampling of patients and not that of training sets."
    else:
        several = evidence.folds["repeat"].nunique() > 1
        factor = "1 / repeats + folds x test / train" if evidence.run.crossed else "1 + test / train"
        counts = (
            "; repeats were counted for AUC and average precision only, at most 5 (2 with more than two classes)"
            if several
            else ""
        )
        yield (
            f"The variance over patients{' of one repeat' if several else ''} was multiplied by the correction of "
            f"Nadeau and Bengio [@nadeau2003], {factor}, so that intervals and p-values cover "
            f"the sampling of training sets too{counts}."
        )
    draws = [len(list(evidence.run.refits(cell))) for cell in evidence.cells]
    if any(draws):
        yield (
            f"For {counted(sum(map(bool, draws)), 'cell')} named in the grid, patients were also drawn before the "
            f"folds and the whole procedure was run again {max(draws)} times [@jiang2008]; 1.96 standard deviations of "
            "these give an interval that covers training sets too."
        )


def floors(evidence: Evidence) -> Iterator[str]:
    """The floors, and what gains are over."""
    run = evidence.run
    labels = dict.fromkeys(cell.axes["heads"] for cell in run.cells if cell.floor)
    found = [one for label in labels for one in evidence.plug_ins.of("heads", label)]
    if found:
        yield f"Floors were scored in the same way: {'; '.join(map(in_words, found))}."
    named = [one.name for one in found]
    if run.location in named:
        columns = run.locations
        yield f"The locating {'column is' if len(columns) == 1 else 'columns are'} {' and '.join(columns)}."
    over = [f"`{name}`" for name in (run.location, run.pixels) if name in named]
    if over:
        yield (
            f"Gains are the AUC minus that of {' or of '.join(over)}, on the samples that both predict and in the same "
            "resamples."
        )


def nulls(evidence: Evidence) -> Iterator[str]:
    """The runs on permuted labels."""
    low, high, cells = evidence.null_runs
    if not cells:
        yield "No runs on permuted labels were made."
        return
    runs = str(low) if low == high else f"{low} to {high}"
    again = "1 cell was" if cells == 1 else f"{cells} cells were"
    yield (
        f"{again} run again {runs} times each on {exchange_of(evidence.run)}, {folds_of(evidence.run)}, "
        f"{expected_of(evidence.run)}; p is (1 + runs whose AUC was at or above the observed one) / (runs + 1) "
        f"[@phipson2010], at least {smallest_p(high):.3f}, and is not given where a class "
        f"has fewer than {EXPLORATORY} patients."
    )


def _lower(label: str) -> str:
    first, _, rest = label.partition(" ")
    return label if first.isupper() else f"{first.lower()} {rest}".strip()
