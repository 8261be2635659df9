"""The answers of a run folder to a reviewer's checklist, one for each question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from results.artifacts import read_artifacts
from results.flow import counted
from results.inner_splits import listed
from results.methods import data, evaluation, missing, software, steps, training
from results.methods.evidence import Evidence
from results.near_duplicates import copied_scans
from results.scores.choice import EXPLORATORY
from results.scores.reconstruction import failed_trainings

AUTHORS = "only the authors can say"


ELSEWHERE = ("sequences", "drop", "regions", "images", "missing", "tables", "balance")
"""The axes that answer other questions than how the model is built."""


def answers(evidence: Evidence) -> dict[str, str]:
    """From the name of a question to its answer, with what only the authors can add."""
    run, samples = evidence.run, evidence.samples
    size = f"{len(samples)} samples of {samples['patient'].nunique()} patients"
    unit = "patient" if run.patients_known else "sample, since the source gives no patient ids"
    targets = [data.target(evidence, name) for name in run.targets]
    of_fold = " of each fold" if run.crossed else ""
    given = {
        "source": [data.source(evidence)],
        "exclusions": [
            data.exclusions(evidence),
            *(sentence for name in run.targets for sentence in data.left_out(run, name)),
            f"Eligibility: {AUTHORS}.",
        ],
        "preparation": steps.sentences(evidence, ["regions", "images"]),
        "missing": _missing(evidence),
        "size": [f"{size}. The reason: {AUTHORS}."],
        "classes": [*_classes(evidence), f"Their definition: {AUTHORS}."],
        "split": data.split(evidence),
        "level": [f"Training and test parts share no {unit}."],
        "inputs": steps.sentences(evidence, ["sequences", "tables"]),
        "regions": steps.sentences(evidence, ["regions"]),
        "model": steps.sentences(evidence, [axis for axis in run.axis_words if axis not in ELSEWHERE]),
        "weights": _weights(evidence),
        "software": [*software.packages(evidence), *software.code(evidence.sessions)],
        "held_out": ["Each sample was predicted by a model that was not trained on its patient."],
        "scaling": [f"Features are standardised by the mean and deviation of the training rows{of_fold}."],
        "output": ["A probability for each class.", training.classes(evidence)],
        "training": training.training(evidence),
        "choice": list(evaluation.best(evidence)) or ["One combination of steps was run, so none was chosen."],
        "ensembles": _ensembles(evidence),
        "balance": [*steps.sentences(evidence, ["balance"]), *training.recalibration(evidence)],
        "metrics": [*evaluation.metrics(evidence), f"Their reason: {AUTHORS}."],
        "uncertainty": [*evaluation.intervals(evidence), *evaluation.nulls(evidence)],
        "robustness": _robustness(evidence),
        "explainability": _explainability(evidence),
        "external": [_external(evidence)],
        "flow": [
            data.exclusions(evidence),
            f"{size} in the dataset.",
            *(sentence for name in run.targets for sentence in data.left_out(run, name)),
            *_left(evidence),
        ],
        "characteristics": [f"See table 1, by split. For what it marks with [AUTHORS], {AUTHORS}."],
        "events": targets,
        "performance": _performance(evidence),
        "failures": _failures(evidence),
        "limits": _limits(evidence),
        "code": [*software.code(evidence.sessions), f"Where data, code and models can be had: {AUTHORS}."],
    }
    return {name: re.sub(r" \[@[^]]*\]", "", " ".join(sentences)) for name, sentences in given.items()}


def _left(evidence: Evidence) -> Iterator[str]:
    """How many samples cells predict, where this differs between cells."""
    for name in evidence.run.targets:
        counts = {p.sequences: p.n_samples for p in evidence.populations if p.target == name}
        if set(counts.values()) != {len(evidence.samples)}:
            each = [f"{counted(n, 'sample')} with {sequences}" for sequences, n in counts.items()]
            yield f"Cells of {name} predict {listed(each)}."


def _missing(evidence: Evidence) -> Iterator[str]:
    yield from _left(evidence)
    yield from missing.sequences(evidence.run)
    yield from missing.filling(evidence)
    yield from steps.sentences(evidence, ["drop", "missing"])
    yield from missing.clinical(evidence)
    yield f"Why data are missing: {AUTHORS}."


def _external(evidence: Evidence) -> str:
    if evidence.run.protocol.get("split") == "official":
        return f"The official test part was predicted once. Whether it is of other scanners or sites: {AUTHORS}."
    tested = " ".join(data.external(evidence.run))
    return tested or "Tested on held-out folds of the same data; no external test in this run."


def _classes(evidence: Evidence) -> Iterator[str]:
    for name in evidence.run.targets:
        cell = next(cell for cell in evidence.run.cells if cell.target == name)
        yield f"{name}: {' / '.join(cell.classes)}{' (ordinal)' if cell.ordinal else ''}."


def _weights(evidence: Evidence) -> Iterator[str]:
    networks = [one for one in evidence.used if one.weights]
    if not networks:
        yield "No step is a network."
    seed = f"random weights drawn from seed {evidence.run.protocol.get('seed')}"
    states: dict[str, dict[str, None]] = {}
    for one in networks:
        fold = " in each fold" if evidence.run.crossed else ""
        start = seed if one.weights == "random" else "pretrained weights"
        frozen = "untrained" if one.weights == "random" else "frozen"
        state = f"With {start}, {frozen}" if one.learns == "nothing" else f"Trained{fold}, starting from {start}"
        states.setdefault(state, {})[f"`{one.name}`"] = None
    yield from (f"{state}: {', '.join(names)}." for state, names in states.items())
    for name, licence in dict.fromkeys((one.name, one.licence) for one in networks if one.licence):
        yield f"Licence of the pretrained weights of `{name}`: {licence}."


def _ensembles(evidence: Evidence) -> Iterator[str]:
    names = dict.fromkeys(f"`{one.name}`" for one in evidence.used if one.averages)
    yield f"Steps that average several models: {', '.join(names)}." if names else "No step averages several models."
    yield f"Predictions were not averaged over {'folds, repeats or ' if evidence.run.crossed else ''}cells."


def _robustness(evidence: Evidence) -> Iterator[str]:
    repeats = evidence.folds["repeat"].nunique()
    if repeats > 1:
        yield f"Folds were drawn {repeats} times; the SD over them is in the table of scores."
    yield from steps.sentences(evidence, ["drop"])
    yield f"Label noise, other scanners or sites: {AUTHORS}."


def _explainability(evidence: Evidence) -> Iterator[str]:
    if any("attention_slices" in one.files for one in read_artifacts(evidence.run.folder)):
        yield f"The attention over slices is kept in `artifacts/`; whether it was checked against readers: {AUTHORS}."
    else:
        yield AUTHORS


def _performance(evidence: Evidence) -> Iterator[str]:
    """The highest AUC of each target with its interval, and that of the floor that gains are over."""
    table = evidence.scores
    if table is None or not {"auc", "auc_low", "auc_high"} <= set(table):
        yield f"The folder keeps no AUC with an interval: {AUTHORS}."
        return
    for target in evidence.run.targets:
        of_target = table[(table["target"] == target) & table["auc"].notna()]
        cells = of_target[~of_target["floor"]].sort_values("auc", ascending=False)
        if not len(cells):
            continue
        top = cells.iloc[0]
        among = f"the highest of {len(cells)} cells" if len(cells) > 1 else "the one cell"
        if (tied := int((cells["auc"] == top["auc"]).sum())) > 1:
            among += f", which {tied} of them have"
        same = of_target["sequences"] == top["sequences"]
        floor = of_target[of_target["floor"] & (of_target["heads"] == evidence.run.location) & same]["auc"]
        beside = f"; `{evidence.run.location}` {floor.iloc[0]:.2f}" if len(floor) else ""
        yield f"{target}: AUC {top['auc']:.2f} [{top['auc_low']:.2f}, {top['auc_high']:.2f}], {among}{beside}."


def _failures(evidence: Evidence) -> Iterator[str]:
    states = Counter(cell.status for cell in evidence.run.cells)
    yield f"Of {len(evidence.run.cells)} cells: {', '.join(f'{n} {state}' for state, n in states.items())}."
    yield from failed_trainings(evidence.run)
    yield f"Cases that were wrong: {AUTHORS}."


def _limits(evidence: Evidence) -> Iterator[str]:
    """What a reviewer may object to."""
    run = evidence.run
    if steps.is_phantom(evidence):
        yield "The data are a phantom by their name."
    if run.protocol.get("split") != "official" and not list(data.external(run)):
        yield "No external test."
    if any(pair.outcome == "parted" for pair in copied_scans(run)):
        yield "Some tested scans are copies of training scans, see near_duplicates.csv."
    if not run.patients_known:
        yield "Patients are unknown, so training and test parts may share some."
    few = [p for p in evidence.populations if p.rarest < EXPLORATORY]
    whole = {p.target for p in few} - {p.target for p in evidence.populations if p.rarest >= EXPLORATORY}
    small = dict.fromkeys(p.target if p.target in whole else f"{p.target} with {p.sequences}" for p in few)
    if small:
        yield f"Exploratory, with fewer than {EXPLORATORY} patients in a class: {', '.join(small)}."
    if not evidence.null_runs[2]:
        yield "No runs on permuted labels."
    yield from failed_trainings(run)
    if any(one.weights == "random" and one.learns == "nothing" for one in evidence.used):
        yield "Some networks have random weights; their scores do not show what trained ones reach."
    if any(int(session.get("code", {}).get("changed_files", 0)) for session in evidence.sessions):
        yield "The code had changes that no commit holds."
    yield f"Others: {AUTHORS}."
