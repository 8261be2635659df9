"""What was trained, on whom, and how, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from results.inner_splits import inner_uses, listed
from results.methods.evidence import Evidence
from results.scores.reconstruction import failed_trainings
from results.tables.notes import calling


def training(evidence: Evidence) -> Iterator[str]:
    """What learns inside the fold, tuning, balancing."""
    used = evidence.used
    fitted = (
        "Heads were fitted on the patients outside the test part alone"
        if evidence.official
        else "Inside each fold, heads were fitted on the training patients alone"
    )
    yield f"{fitted}, and features were standardised on them."
    nouns = {name: words.noun for name, words in evidence.run.axis_words.items() if name != "heads"}
    learning = [
        f"{nouns[one.kind]} `{one.name}` ({'with' if one.learns == 'labels' else 'without'} labels)"
        for one in used
        if one.kind in nouns and one.learns != "nothing"
    ]
    learning += [f"the projection of `{one.name}`" for one in used if one.projected]
    if learning:
        yield f"These steps also learnt from the training patients alone: {', '.join(dict.fromkeys(learning))}."
    trained = {one.label for one in used if one.kind == "fusion" and one.learns == "labels"}
    if any(cell.axes.get("fusion") in trained and cell.reads == "embedding" for cell in evidence.cells):
        yield (
            "Heads on features of a fusion trained with labels were calibrated on inner refits of it that had not seen "
            "the rows in question."
        )
    frozen = [f"`{one.name}`" for one in used if one.weights and one.learns == "nothing"]
    if names := list(dict.fromkeys(frozen)):
        verb = "was" if len(names) == 1 else "were"
        yield f"{' and '.join(names)} {verb} not trained or fine-tuned on these data."
    yield from failed_trainings(evidence.run)
    yield tuning(evidence)
    if evidence.run.protocol.get("split") != "official" and (uses := inner_uses(evidence.run)):
        yield f"Inner splits for {listed(uses)} were cut by {evidence.run.unit} from the training patients."
    if any(one.resamples for one in used):
        yield (
            "Only the rows that a head is fitted on were resampled; rows held out in inner splits and test rows were "
            "real ones."
        )
    yield from recalibration(evidence)
    yield (
        f"{classes(evidence)} No threshold was chosen on test data. Parameters that are not named have the defaults of "
        "the code; `plugins.json` lists all of them [AUTHORS: give those that matter]."
    )


def classes(evidence: Evidence) -> str:
    """Which class a sample is assigned to."""
    targets: dict[str, dict[str, None]] = {}
    for cell in evidence.cells:
        targets.setdefault(calling(evidence.run, cell.classes), {})[cell.target] = None
    if len(targets) == 1:
        return next(iter(targets))
    return " ".join(f"{', '.join(names)}: {rule[0].lower()}{rule[1:]}" for rule, names in targets.items())


def recalibration(evidence: Evidence) -> Iterator[str]:
    """How probabilities of fits on balanced rows were recalibrated."""
    if any(evidence.run.predictions(cell).recalibrated is not None for cell in evidence.cells if cell.status == "done"):
        yield (
            "Probabilities of heads fitted on balanced rows are given as fitted and recalibrated, by a sigmoid learnt "
            f"on real held-out rows of {evidence.run.held_out} [@platt1999]."
        )


def tuning(evidence: Evidence) -> str:
    """Which heads were tuned, and how."""
    tuned = [cell for cell in evidence.cells if cell.tuned]
    if not tuned:
        floors = dict.fromkeys(f"`{cell.head}`" for cell in evidence.run.cells if cell.floor and cell.tuned)
        but = f" but that of the floor {listed(list(floors))}" if floors else ""
        return f"No head{but} was tuned: all others kept the parameters named above or their defaults."
    grouped = "" if evidence.validated else f" grouped by {evidence.run.unit}"
    how = f"by macro AUC on {evidence.run.held_out}{grouped}"
    if len(tuned) == len(evidence.cells):
        return f"All heads were tuned {how}."
    heads = ", ".join(dict.fromkeys(f"`{cell.head}`" for cell in tuned))
    return f"{len(tuned)} of {len(evidence.cells)} cells have a head that was tuned ({heads}), {how}; others were not."
