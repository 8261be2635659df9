"""Training, statistics, software and cost in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from results.methods.evidence import Evidence
from results.methods.known import OF_SOFTWARE
from results.methods.steps import PRETRAINED, software, used
from results.scores.named import is_step
from results.scores.paired import ENOUGH_FOLDS
from results.scores.target import EXPLORATORY
from results.statistics.metrics import METRICS
from results.statistics.metrics.base import OfPairs
from results.tables.notes import calling

WHAT = {"encoders": "encoder", "missing": "substitute", "fusion": "fusion", "tables": "table"}
TITLES = {
    "numpy": "NumPy",
    "opencv-python-headless": "OpenCV",
    "scikit-learn": "scikit-learn",
    "simpleitk": "SimpleITK",
    "torch": "PyTorch",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost",
    "monai": "MONAI",
}


def training(evidence: Evidence) -> Iterator[str]:
    """What learns inside the fold, tuning, balancing."""
    steps = used(evidence)
    learning = [
        f"{WHAT.get(s.axis, s.axis)} `{s.name}` (with{'' if s.learns == 'labels' else 'out'} labels)"
        for s in steps
        if s.learns
    ]
    learning += [f"the projection of `{s.name}`" for s in steps if s.projected]
    others = f". So was all else that learns: {', '.join(dict.fromkeys(learning))}" if learning else ""
    yield (
        "Inside each fold every head was fitted on the training patients alone, on features standardised on them"
        f"{others}."
    )
    trained = {s.name for s in steps if s.axis == "fusion" and s.learns == "labels"}
    if any(c.axes.get("fusion", "").split("(")[0] in trained and c.head != "own" for c in evidence.cells):
        yield (
            "Heads on features of a fusion trained with labels were calibrated on inner refits of it that had not seen "
            "the rows in question."
        )
    frozen = list(dict.fromkeys(f"`{s.name}`" for s in steps if s.name in PRETRAINED))
    if frozen:
        verb = "was" if len(frozen) == 1 else "were"
        yield f"{' and '.join(frozen)} {verb} not trained or fine-tuned on these data."
    yield tuning(evidence)
    yield (
        "Inner splits for early stopping, calibration and tuning were cut by patient from the training patients"
        + (
            "; only the part that a head is fitted on was resampled, and calibration, early stopping, tuning and test "
            "rows were real ones."
            if any(step.axis == "balance" and step.name != "class_weight" and step.known for step in steps)
            else "."
        )
    )
    yield from recalibration(evidence)
    yield (
        f"{classes(evidence)} No threshold was chosen on test data. Parameters that are not "
        "named are the defaults of the code at its commit [AUTHORS: give those that matter; "
        "`run_benchmark.py list encoders` (and so on) prints them]."
    )


def classes(evidence: Evidence) -> str:
    """Which class a sample is called."""
    told: dict[str, dict[str, None]] = {}
    for cell in evidence.cells:
        told.setdefault(calling(evidence.run, cell.classes), {})[cell.target] = None
    if len(told) == 1:
        return next(iter(told))
    return " ".join(f"{', '.join(targets)}: {said[0].lower()}{said[1:]}" for said, targets in told.items())


def recalibration(evidence: Evidence) -> Iterator[str]:
    """What was done about probabilities of fits on balanced rows."""
    if any(evidence.run.predictions(cell).recalibrated is not None for cell in evidence.cells if cell.status == "done"):
        yield (
            "Probabilities of heads fitted on balanced rows are given as fitted and recalibrated, by a sigmoid learnt "
            "on real held-out rows of inner folds [@platt1999]."
        )


def tuning(evidence: Evidence) -> str:
    """Which heads were tuned, and how."""
    tuned = [cell for cell in evidence.cells if cell.tuned]
    if not tuned:
        return "No head was tuned: all kept the parameters named above or their defaults."
    how = "by macro AUC on inner folds grouped by patient"
    if len(tuned) == len(evidence.cells):
        return f"All heads were tuned {how}."
    heads = ", ".join(dict.fromkeys(f"`{cell.head}`" for cell in tuned))
    return f"{len(tuned)} of {len(evidence.cells)} cells have a head that was tuned ({heads}), {how}; others were not."


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
    if n > 1:
        yield (
            f"The best of the {n} combinations was picked on the data that it is scored on, so its score is "
            "optimistic; its AUC is also given corrected for this choice: chosen in resamples of the patients, scored "
            "on those left out (BBC-CV) [@tsamardinos2018]."
        )


def declared(evidence: Evidence) -> Iterator[str]:
    """How the comparisons that the grid declared were tested."""
    families = evidence.run.compare
    if not families:
        return
    against = ", ".join(
        dict.fromkeys(f["against"] if isinstance(f["against"], str) else "a named cell" for f in families)
    )
    sizes = ", ".join(_size(evidence, family) for family in families)
    n = "One family of comparisons was" if len(families) == 1 else f"{len(families)} families of comparisons were"
    yield (
        f"{n} declared in the grid (against {against}; {sizes}). Differences were paired over the samples that both "
        "cells predict, in the same resamples of patients; p-values of a family were adjusted by step-down max-|t| "
        "over these resamples [@romano2005], with a correction for few patients."
    )
    measures = {family["metric"] for family in families if family["against"] != "best"}
    two = any(len(cell.classes) == 2 for cell in evidence.cells)
    single = ["clustered DeLong [@obuchowski1997]"] if "auc" in measures and two else []
    single += ["clustered McNemar [@durkalski2003]"] if "accuracy" in measures else []
    if single:
        yield f"Comparisons taken alone were tested by {' and '.join(single)}, which count patients, not samples."
    parts = evidence.folds.loc[evidence.folds["fold"] >= 0, ["repeat", "fold"]].drop_duplicates()
    if measures and len(parts) >= ENOUGH_FOLDS:
        yield "The corrected resampled t over folds and repeats [@nadeau2003] is secondary."
    margins = {family["margin"] for family in families if family["margin"] is not None and family["against"] != "best"}
    if margins:
        within = ", ".join(f"{margin:g}" for margin in sorted(margins))
        yield f"Equivalence within {within} was tested by two one-sided tests at 5 % [@schuirmann1987], each by itself."


def _size(evidence: Evidence, family: Mapping[str, Any]) -> str:
    """The metric and the size of a family."""
    steps = {axis: step for axis, step in family["family"].items() if axis != "targets"}
    of = [cell for cell in evidence.run.cells if not cell.floor and cell.target == evidence.run.targets[0]]
    n = sum(all(is_step(cell.axes[axis], step) for axis, step in steps.items()) for cell in of)
    return f"{METRICS[family['metric']].title(evidence.run.within)} of {n} cells a target"


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
        yield f"AUC within {run.within} compared samples of the same {run.within}."


def beside(evidence: Evidence) -> Iterator[str]:
    """The scores in tables of their own."""
    if evidence.own_scores:
        yield f"The dataset's own scores were {', '.join(evidence.own_scores)}."
    if (evidence.run.folder / "filling.csv").exists():
        yield (
            "How well absent sequences were filled was measured on test patients: each sequence that a sample has was "
            "hidden in turn, filled, and compared with the truth."
        )


def intervals(evidence: Evidence) -> Iterator[str]:
    """What intervals are made of and what they cover."""
    if not evidence.resamples:
        yield "[AUTHORS: the run folder keeps no table of scores with intervals; say how uncertainty was estimated.]"
        return
    again = f" (draws that lacked a class were drawn again: {evidence.redrawn})" if evidence.redrawn else ""
    yield (
        f"Intervals are 95 % percentile intervals of a bootstrap over patients [@field2007] with {evidence.resamples} "
        f"resamples, the same for all cells of a target{again}. They are conditional on the fitted models: they cover "
        "the sampling of patients, and neither the sampling of training sets nor the draw of the folds."
    )
    draws = [len(list(evidence.run.refits(cell))) for cell in evidence.cells]
    if any(draws):
        yield (
            f"For {sum(map(bool, draws))} cells named in the grid, patients were also drawn before the folds and the "
            f"whole procedure was run again {max(draws)} times [@jiang2008]; 1.96 standard deviations of these give an "
            "interval that covers training sets too."
        )


def floors(evidence: Evidence) -> Iterator[str]:
    """The floors, and what gains are over."""
    words = {
        "prior": "the class frequencies of the training fold (`prior`)",
        "random": "random draws from these (`random`)",
        "location": f"a logistic regression on {' and '.join(evidence.run.locations)} alone (`location`)",
        "presence": "a logistic regression on which sequences a sample has (`presence`)",
    }
    names = {cell.head for cell in evidence.run.cells if cell.floor}
    shown = [said for name, said in words.items() if name in names]
    if shown:
        yield f"Floors that see no image were scored in the same way: {'; '.join(shown)}."
    if "location" in names:
        yield "Gains are the AUC minus that of `location`, on the samples that both predict, from the same resamples."


def nulls(evidence: Evidence) -> Iterator[str]:
    """The runs on permuted labels."""
    low, high, cells = evidence.null_runs
    if not cells:
        yield "No runs on permuted labels were made."
        return
    within = f" within {evidence.run.null_within}" if evidence.run.null_within else ""
    runs = str(low) if low == high else f"{low} to {high}"
    again = "1 cell was" if cells == 1 else f"{cells} cells were"
    yield (
        f"{again} run again {runs} times each on labels permuted{within}, on folds drawn anew; p is (1 + "
        "runs whose AUC was at or above the observed one) / (runs + 1) [@phipson2010], and is not given where a class "
        f"has fewer than {EXPLORATORY} patients."
    )


def provenance(evidence: Evidence) -> Iterator[str]:
    """Versions, code, hardware, time and memory."""
    sessions = evidence.sessions
    if not sessions:
        yield "[AUTHORS: software, hardware and time; the run folder has no session.]"
        return
    yield from packages(evidence)
    yield from code(sessions)
    yield from _hardware(evidence)


def packages(evidence: Evidence) -> Iterator[str]:
    """The packages that the steps use, with all versions that the starts had."""
    versions: dict[str, list[str]] = {}
    for session in evidence.sessions:
        for name, version in session.get("versions", {}).items():
            versions.setdefault(name, [])
            versions[name] += [version] if version not in versions[name] else []
    names = [name for name in software(evidence) if versions.get(name, ["absent"]) != ["absent"]]
    cites = {name: f" [@{OF_SOFTWARE[name]}]" if name in OF_SOFTWARE else "" for name in names}
    listed = ", ".join(f"{TITLES.get(name, name)} {' and '.join(versions[name])}{cites[name]}" for name in names)
    yield f"Experiments ran in Scangrid on Python {' and '.join(versions.get('python', ['[AUTHORS]']))} with {listed}."


def code(sessions: list[dict[str, Any]]) -> Iterator[str]:
    """The commits of the code, the dates, and whether files differed."""
    commits = list(dict.fromkeys(s["code"]["commit"] for s in sessions if s.get("code", {}).get("commit")))
    if not commits:
        yield "[AUTHORS: version of the code; the run was made outside a git checkout.]"
        return
    yield f"The code was at commit{'s' if len(commits) > 1 else ''} {', '.join(commit[:12] for commit in commits)}."
    finished = sorted(session["finished"][:10] for session in sessions if session.get("finished"))
    if finished:
        yield f"It finished on {' to '.join(dict.fromkeys((finished[0], finished[-1])))}."
    changed = [int(session.get("code", {}).get("changed_files", 0)) for session in sessions]
    if any(changed):
        yield (
            f"In {sum(n > 0 for n in changed)} of {len(changed)} starts, files differed from the commit (up to "
            f"{max(changed)}) [AUTHORS: rerun on a clean commit, or say what differed]."
        )


def _hardware(evidence: Evidence) -> Iterator[str]:
    sessions = evidence.sessions
    machines = []
    for session in sessions:
        m = session.get("machine", {})
        gpu = f", {m['gpu']}" if m.get("gpu") and session.get("device") != "cpu" else ""
        memory = f"{m['memory_gib']:g} GiB of memory" if "memory_gib" in m else "memory unknown"
        machines.append(
            f"{m.get('processor') or 'a processor'} ({m.get('cores', '?')} cores, {memory}{gpu}), {m.get('system', '')}"
        )
    devices = ", ".join(evidence.run.devices) or "unknown"
    yield f"They ran on {'; and on '.join(dict.fromkeys(machines))}; the device was {devices}."
    parts: dict[str, float] = {}
    for session in sessions:
        for name, seconds in session.get("seconds", {}).items():
            parts[name] = parts.get(name, 0.0) + seconds
    starts = "1 start" if len(sessions) == 1 else f"{len(sessions)} starts"
    detail = ", ".join(f"{name} {seconds:.0f}" for name, seconds in parts.items())
    peak = max((session.get("peak_memory_mib", 0.0) for session in sessions), default=0.0)
    yield (
        f"The run took {sum(parts.values()):.0f} s in {starts} ({detail}); results that earlier runs had left are not "
        f"counted. Peak memory was {peak / 1024:.1f} GiB."
    )


def _lower(label: str) -> str:
    first, _, rest = label.partition(" ")
    return label if first.isupper() else f"{first.lower()} {rest}".strip()
