"""Data and split in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from results.faults import short_reason
from results.flow import counted, flows, official_parts, span, spanned, whose
from results.inner_splits import inner_uses, listed
from results.methods import missing
from results.methods.evidence import Evidence
from results.methods.steps import is_phantom
from results.near_duplicates import copied_scans
from results.run_folder import Run
from results.scores.choice import EXPLORATORY
from results.scores.labels import by_class, merging
from results.tables.external import external_run
from results.tables.held_out import learnt, scored_before

REASONS = 8


def data(evidence: Evidence) -> Iterator[str]:
    """Source, samples, exclusions, targets."""
    run = evidence.run
    n_patients, n_samples = evidence.samples["patient"].nunique(), len(evidence.samples)
    yield source(evidence)
    named = max((way.samples for target in run.targets for way in flows(run, target)), default=n_samples)
    whom = f"{named} samples of {n_patients} patients"
    yield f"The dataset has {whom}. A sample is the unit that gets one label{_placed(evidence)}."
    if run.clinical:
        yield f"Its clinical columns are {listed(run.clinical)}."
        yield from missing.clinical(evidence)
    if lie := evidence.plug_ins.dataset.given.get("orientation"):
        yield f"Volumes were turned to {lie} slices."
    if not run.patients_known:
        yield "The source gives no patient ids, so each sample was counted as a patient."
    yield exclusions(evidence)
    for name in run.targets:
        yield target(evidence, name)
        yield from left_out(run, name)
    yield from missing.sequences(run)
    yield from missing.filling(evidence)
    yield (
        "[AUTHORS: reason for the sample size; dates and place of acquisition, scanners and sequence parameters, "
        "eligibility, ethics approval; who graded the images, how, blinded to what, and with what agreement.]"
    )


def split(evidence: Evidence) -> Iterator[str]:
    """Folds, repeats, seed, stratification; and the external test."""
    yield from _folds(evidence)
    yield from near_duplicates(evidence.run)
    tested = list(external(evidence.run))
    if not tested and evidence.run.protocol.get("split") != "official":
        yield "No data from outside these folds were tested. [AUTHORS: external test set, if there is one.]"
    yield from tested


def _folds(evidence: Evidence) -> Iterator[str]:
    protocol, run, folds = evidence.run.protocol, evidence.run, evidence.folds
    unit = run.unit
    if protocol.get("split") == "official":
        n = official_parts(run)
        held = f", {counted(n.validation, unit)} for validation" if n.validation else ""
        yield (
            f"The official split of the dataset was used: it has {counted(n.test, f'test {unit}')}, predicted once"
            f"{held}, and {n.training} others, on whom models were fitted."
        )
        yield from _parts(evidence, unit, {n.test}, "Of the test part")
        if uses := inner_uses(run):
            served = f"Its validation part served {listed(uses)}."
            cut = f"It names no validation part; inner splits for {listed(uses)} were cut by {unit}."
            yield served if protocol.get("validation") else cut
        return
    n_folds, repeats = folds.loc[folds["fold"] >= 0, "fold"].nunique(), folds["repeat"].nunique()
    times = "once" if repeats == 1 else f"{repeats} times"
    if protocol.get("split") == "file":
        yield (
            f"Cross-validation was {n_folds}-fold by {unit}, drawn {times}, with the folds that the file "
            f"`{protocol.get('split_file')}` gives."
        )
    else:
        stratified = f", stratified on {protocol['stratify']}" if protocol.get("stratify") else ""
        yield (
            f"Cross-validation was {n_folds}-fold, grouped by {unit}{stratified}, and drawn {times} "
            f"(seed {protocol.get('seed')})."
        )
    sizes = folds[folds["fold"] >= 0].groupby(["repeat", "fold"])["patient"].nunique()
    together = "All samples of a patient lay in the same part, and the" if run.patients_known else "The"
    yield (
        f"The folds hold {span(sizes.tolist())} {unit}s each. {together} folds were the same for all targets and cells."
    )
    yield from _parts(evidence, unit, set(sizes.tolist()), "Of each fold")
    always = folds.groupby("patient")["fold"].max() < 0
    if always.any():
        yield f"{counted(int(always.sum()), unit)} {'was' if always.sum() == 1 else 'were'} always in training."


def near_duplicates(run: Run) -> Iterator[str]:
    """The scans of different patients of which one is a changed copy of the other, and what was done with them."""
    outcomes = Counter(pair.outcome for pair in copied_scans(run))
    if not outcomes:
        return
    yield (
        f"In {counted(outcomes.total(), 'pair')} of scans of different patients, one scan is a copy of the other, "
        "perhaps a changed one."
    )
    for outcome, n in outcomes.items():
        if outcome == "one left out":
            yield f"Of {'1 pair' if n == 1 else f'each of {n} pairs'}, one scan was left out."
            continue
        lie = f"{counted(n, 'pair')} {'lies' if n == 1 else 'lie'}"
        if outcome == "parted":
            yield f"{lie} in different parts of the split, so that a copy of a training scan was tested."
        else:
            yield f"{lie} in the same part, where the two patients of a pair count as two."


def _parts(evidence: Evidence, unit: str, sizes: set[int], whose: str) -> Iterator[str]:
    """How many patients the test parts of each target held, where these are not those of the folds."""
    parts = {
        name: [n for p in evidence.populations if p.target == name for n in p.parts] for name in evidence.run.targets
    }
    seen = {name: (min(each), max(each)) for name, each in parts.items() if each}
    if set(seen.values()) - {(min(sizes), max(sizes))}:
        held = "; ".join(f"{span(limits)} for {name}" for name, limits in seen.items())
        needed = "every sequence" if evidence.run.protocol.get("complete") else "a scan"
        yield f"{whose}, the {unit}s with a label and {needed} were tested: {held}."


def external(run: Run) -> Iterator[str]:
    """How the external test was made, in sentences; none if there is none."""
    outside = external_run(run)
    if outside is None or outside is run:
        return
    about = outside.protocol["external"]
    yield (
        f"For external validation every completed cell was fitted once on all patients with a label and a scan, and "
        f"scored once on `{outside.dataset}`; the intervals of these scores cover the sampling of patients alone."
    )
    for target in outside.targets:
        cells = [one for one in outside.cells if one.target == target and one.status == "done" and not one.floor]
        done = [outside.predictions(cell) for cell in cells]
        if done:
            patients, samples = ([len(set(getattr(p, name))) for p in done] for name in ("patient", "sample"))
            y = max(done, key=lambda p: len(p.y)).y
            events = by_class(cells[0].classes, np.bincount(y, minlength=len(cells[0].classes)).tolist())
            scored = f"{spanned(samples, 'sample')} of {spanned(patients, 'patient')}"
            alike = len(set(samples)) == 1
            fitted = f"{learnt(outside, target)}{'' if alike else ', by what they read,'}"
            yield (
                f"For {target}, cells were fitted on {fitted} "
                f"and scored on {scored} ({events}{'' if alike else ' where most are scored'})."
            )
    by = "by their ids and by the pixels of their scans" if about["compared_ids"] else "by the pixels of their scans"
    found = f"{about['left_out']} were left out" if about["left_out"] else "none was found"
    n = int(about.get("kept_alike", 0))
    found += f", and {n} whose scans merely look like scans of training were kept" if n else ""
    yield f"Patients of the training data were looked for there {by}; {found}."
    yield scored_before(outside)


def source(evidence: Evidence) -> str:
    """Where the data are from, as far as the run folder records it."""
    name, dataset = evidence.run.dataset, evidence.plug_ins.dataset
    if is_phantom(evidence):
        return (
            f"The data are `{name}`: by their name a phantom in this layout and no scans of patients [AUTHORS: "
            "describe how they were made]."
        )
    if not dataset.words or not dataset.cites:
        words = f": {dataset.words}" if dataset.words else ""
        return f"The data were read by `{name}`{words} [AUTHORS: name and cite the source of the images]."
    cites = "; ".join(f"@{key}" for key in dataset.cites)
    return f"The data were {dataset.words} (`{name}`) [{cites}]."


def _placed(evidence: Evidence) -> str:
    locations = evidence.run.locations
    return f"; it is located by {' and '.join(locations)}" if locations else ""


def exclusions(evidence: Evidence) -> str:
    """What could not be used while the data were read, and why: rows of `excluded.csv`, and no count of samples."""
    total = sum(evidence.excluded.values())
    if not total:
        return "No fault was found while the data were read."
    grouped: dict[str, int] = {}
    for reason, n in evidence.excluded.items():
        short = short_reason(reason)
        grouped[short] = grouped.get(short, 0) + n
    shown = [f"{reason} (n = {n})" for reason, n in sorted(grouped.items(), key=lambda item: -item[1])[:REASONS]]
    rest = total - sum(sorted(grouped.values(), reverse=True)[:REASONS])
    more = f"; other reasons (n = {rest}, see excluded.csv)" if rest else ""
    rows = "1 fault was" if total == 1 else f"{total} faults were"
    return f"While the data were read, {rows} found: {'; '.join(shown)}{more}."


def left_out(run: Run, name: str) -> Iterator[str]:
    """What each step left out of a target, in samples and patients; none where all cells predict all samples."""
    ways = flows(run, name)
    if len(ways) == 1:
        (way,) = ways
        if way.losses:
            yield f"For {name}: {_lower(way.text())}"
        return
    names = whose({cell.key: cell.axes for cell in run.cells}, list(ways.values()))
    for way, cells in zip(ways, names, strict=True):
        yield f"For {name}, {cells} ({counted(way.left()[0], 'sample')}): {_lower(way.text())}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def target(evidence: Evidence, name: str) -> str:
    """Classes, samples, patients and events of a target."""
    populations = [p for p in evidence.populations if p.target == name]
    n_samples = len(evidence.samples)
    if not populations:
        return f"No cell of the target {name} was completed."
    classes = " / ".join(populations[0].classes)
    parts = []
    for p in populations:
        given = f"with {p.sequences}, " if len(populations) > 1 else ""
        some = f"{p.n_samples} of {n_samples} samples, of" if p.n_samples < n_samples else f"{p.n_samples} samples of"
        parts.append(
            f"{given}{some} {counted(p.n_patients, 'patient')} ({by_class(p.classes, p.events)}; the rarest class in "
            f"{counted(p.rarest, 'patient')})"
        )
    same = len({part.partition(", ")[2] for part in parts}) == 1 and len(parts) > 1
    who = f"{parts[0].partition(', ')[2]}, the same for every choice of sequences" if same else "; ".join(parts)
    text = f"The target {name} has the classes {classes}: {who}.{merging(evidence.run.merged.get(name, {}))}"
    if any(p.uneven for p in populations):
        text += " Some of its cells predicted fewer of these samples."
    few = [p for p in populations if p.rarest < EXPLORATORY]
    if few:
        those = "its results" if len(few) == len(populations) else f"those with {listed([p.sequences for p in few])}"
        text += f" With fewer than {EXPLORATORY} patients in a class, {those} are exploratory."
    return text
