"""The card of a model: its steps, the patients it learnt from, and the scores of its cells in cross-validation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from results.flow import counted
from results.methods.steps import in_words
from results.plug_ins import PlugIns, read_plug_ins, shown
from results.run_folder import Run, RunCell
from results.scores.labels import by_class, merging
from results.scores.named import floor_for
from results.scores.records import NOTHING, Record, records
from results.scores.scores import scores
from results.tables.beaten import plainly
from results.tables.escaping import markdown_cell
from results.tables.leading import stored_score
from results.tables.notes import calling
from results.tables.who import exploratory

CARD, FACTS, SCORES = "MODEL_CARD.md", "facts.json", "cross_validation.json"
METRICS = ("auc", "f1", "balanced_accuracy", "log_loss")
NAMES = ("AUC", "Macro F1", "Balanced accuracy", "Log loss")
WARNING = "Research software: not for clinical use."


def write_card(run: Run, model: Path) -> Path:
    """Writes a model's card, with `facts.json` for its pages and `cross_validation.json` for its external scores.

    `cross_validation.json` holds for each target the scores of the cell, named "", and of its floors, by metric: the
    score and both ends of its interval.

    Args:
        run: The run that the model's cells are of.
        model: A folder with `model.json` and `plugins.json`.

    Raises:
        ResultsError: The folder does not describe its plug-ins.
    """
    about: dict[str, Any] = json.loads((model / "model.json").read_text(encoding="utf-8"))
    every = {row["key"]: row for row in records(scores(run, METRICS))}
    crossed: dict[str, dict[str, dict[str, list[float]]]] = {}
    plain: dict[str, list[str]] = {}
    rows, facts = [], {"trained on": f"{about['patients']:,} patients of {about['dataset']}, run {about['run']}"}
    for cell in about["cells"]:
        own = {"": cell["key_in_run"]} | {one.head: one.key for one in _floors(run, cell["key_in_run"])}
        crossed[cell["target"]] = {name: _numbers(every[key]) for name, key in own.items()}
        target = markdown_cell(cell["target"])
        texts = {name: [_text(every[key], metric) for metric in METRICS] for name, key in own.items()}
        rows += [f"| {target}{name and f', floor {name}'} | {' | '.join(one)} |" for name, one in texts.items()]
        found = [every[key] for key in own.values()]
        plain[cell["target"]] = [*exploratory(run, found), *plainly(run, found, ())]
        if cell["merge"]:
            facts[f"{cell['target']}, classes"] = merging(cell["merge"]).strip()
        facts[f"{cell['target']}, cross-validated"] = f"AUC {texts[''][0]}, log loss {texts[''][3]}"
        facts |= {f"{cell['target']}, floors": " ".join(plain[cell["target"]])} if plain[cell["target"]] else {}
    plug_ins = read_plug_ins(model)
    axes = {cell.key: cell.axes for cell in run.cells}
    tested = (
        "those of the run's cross-validation, of models fitted on fewer patients"
        if run.crossed
        else "those of the test part of the run's official split, of models fitted on the other patients"
    )
    lines = [
        f"# Model of run {about['run']}",
        "",
        f"{WARNING} It was fitted on {about['fitted'][:10]} on {_whom(run, about['patients'])}. None was kept for a "
        f"test, so the scores below are {tested}. Steps that stop early or calibrate hold out some of the patients "
        "inside the fit.",
        "",
        f"| Target | {' | '.join(NAMES)} |",
        f"|---|{'---|' * len(NAMES)}",
        *rows,
        "",
        "[ ]: 95 % interval that covers the sampling of patients and of training sets. Scores hold for scans like "
        "those of the training data; other scanners and protocols were not tested.",
        "",
    ]
    for cell in about["cells"]:
        whom = f"{counted(cell['n_samples'], 'sample')} of {counted(cell['n_patients'], 'patient')}"
        who = f"{whom} ({by_class(cell['classes'], cell['n_by_class'])}).{merging(cell['merge'])}"
        lines += [
            f"## {cell['target']}",
            "",
            who,
            "",
            " ".join([f"{_calling(run, cell)}{_balanced(axes[cell['key_in_run']])}", *plain[cell["target"]]]),
            "",
            *_steps(plug_ins, axes[cell["key_in_run"]]),
            "",
        ]
    commit = about["code"].get("commit", "")
    where = f"Seed {about['seed']}, device {about['device']}{', commit ' + commit if commit else ''}."
    lines += ["## Made with", "", where, "", *_licences(plug_ins)]
    lines += [*(f"- {name} {version}" for name, version in about["versions"].items()), ""]
    keys = sorted({key for one in plug_ins.used for key in one.cites})
    entries = "\n\n".join(plug_ins.references[key] for key in keys)
    lines += ["## References", "", f"```bibtex\n{entries}\n```", ""] if keys else []
    (model / CARD).write_text("\n".join(lines), encoding="utf-8")
    (model / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    (model / SCORES).write_text(json.dumps(crossed, indent=1), encoding="utf-8")
    return model / CARD


def _whom(run: Run, n: int) -> str:
    """The patients that a model was fitted on, among those of the run."""
    every = None if run.patients is None else len(set(run.patients))
    if n == every:
        return f"all {n} {run.unit}s of the run"
    of = f"{n} of the {every}" if every else str(n)
    return f"{of} {run.unit}s of the run, who have a label and a scan that it reads"


def _text(score: Record, metric: str) -> str:
    found = stored_score(score, metric)
    return found.text() if found else ""


def _numbers(score: Record) -> dict[str, list[float]]:
    """Each metric of a cell with both ends of its interval."""
    return {m: [float(score[m + end]) for end in ("", "_low", "_high")] for m in METRICS}


def _balanced(axes: Mapping[str, str]) -> str:
    """What class balancing in training does to probabilities, with a blank before it; empty where there was none."""
    step = axes.get("balance", "none")
    if step in NOTHING:
        return ""
    return (
        f" Classes were balanced in training ({step}): probabilities are as fitted, so they may be too high for rare "
        "classes."
    )


def _calling(run: Run, cell: Mapping[str, Any]) -> str:
    """How the model calls a class: the rule of the run, and what this model chose by it."""
    found = []
    for one in cell.get("calls", []):
        if "threshold" in one:
            found.append(f"{one['threshold']:.3f}")
        elif "weights" in one:
            pairs = zip(cell["classes"], np.divide(one["weights"], np.sum(one["weights"])), strict=True)
            found.append(", ".join(f"{name} {weight:.3f}" for name, weight in pairs))
    kept = f" In this model: {'; '.join(found)}." if found else ""
    return f"{calling(run, cell['classes'])}{kept}"


def _floors(run: Run, key: str) -> Iterator[RunCell]:
    """The floors that a cell is compared with."""
    cell = next(one for one in run.cells if one.key == key)
    done = [one for one in run.cells if one.target == cell.target and one.status == "done"]
    for name in run.floors:
        if (floor := floor_for(cell, done, name)) is not None:
            yield floor


def _steps(plug_ins: PlugIns, axes: Mapping[str, str]) -> Iterator[str]:
    """The steps of a cell: each plug-in in words, with all of its fields below it."""
    yield f"- data: {in_words(plug_ins.dataset)}"
    yield f"- sequences: {axes['sequences']}"
    for axis, label in axes.items():
        for one in plug_ins.of(axis, label) if axis not in ("sequences", "drop") else ():
            yield f"- {axis}: {in_words(one)}"
            fields = ", ".join(f"{name} = {shown(value)}" for name, value in one.fields.items())
            yield from (f"  - {fields}",) if fields else ()


def _licences(plug_ins: PlugIns) -> Iterator[str]:
    """The licence of each set of pretrained weights, with a blank line below."""
    for name, licence in dict.fromkeys((one.name, one.licence) for one in plug_ins.used if one.licence):
        yield f"Licence of the pretrained weights of `{name}`: {licence}."
        yield ""
