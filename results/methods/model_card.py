"""The card of a model: what it is made of, who it learnt from, and how its cells did in cross-validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from results.run_folder import Run
from results.scores.scores import scores

CARD, FACTS = "MODEL_CARD.md", "facts.json"
METRICS = ("auc", "f1", "balanced_accuracy", "log_loss")
NAMES = ("AUC", "Macro F1", "Balanced accuracy", "Log loss")
WARNING = "Research software: not for clinical use."


def write_card(run: Run, model: Path) -> Path:
    """Writes `MODEL_CARD.md` and `facts.json`, what a page says of the model, into the model's folder.

    Args:
        run: The run that the model's cells are of.
        model: A folder with `model.json`.
    """
    about: dict[str, Any] = json.loads((model / "model.json").read_text(encoding="utf-8"))
    found = scores(run, METRICS).set_index("key")
    rows, facts = [], {"trained on": f"{about['patients']:,} patients of {about['dataset']}, run {about['run']}"}
    for cell in about["cells"]:
        score = found.loc[cell["key_in_run"]]
        shown = [f"{score[m]:.3f} [{score[f'{m}_low']:.3f}, {score[f'{m}_high']:.3f}]" for m in METRICS]
        rows.append(f"| {cell['target']} | {' | '.join(shown)} |")
        facts[f"{cell['target']}, cross-validated"] = f"AUC {shown[0]}, log loss {shown[3]}"
    lines = [
        f"# Model of run {about['run']}",
        "",
        f"{WARNING} Fitted on {about['fitted'][:10]} on all patients of the run. None was kept for a test, so the "
        "scores below are those of the run's cross-validation, of models fitted on fewer patients. Steps that stop "
        "early or calibrate hold out some of the patients inside the fit.",
        "",
        f"| Target | {' | '.join(NAMES)} |",
        f"|---|{'---|' * len(NAMES)}",
        *rows,
        "",
        "[ ]: 95 % bootstrap over patients. Scores hold for scans like those of the training data; other scanners and "
        "protocols were not tested.",
        "",
    ]
    for cell in about["cells"]:
        classes = ", ".join(f"{name} {n}" for name, n in zip(cell["classes"], cell["n_by_class"], strict=True))
        who = f"{cell['n_samples']} samples of {cell['n_patients']} patients: {classes}."
        lines += [f"## {cell['target']}", "", who, ""]
        lines += [f"- {axis}: {_steps(steps)}" for axis, steps in cell["steps"].items() if steps]
        lines.append("")
    commit = about["code"].get("commit", "")
    where = f"Seed {about['seed']}, device {about['device']}{', commit ' + commit if commit else ''}."
    lines += ["## Made with", "", where]
    lines += ["", *(f"- {name} {version}" for name, version in about["versions"].items()), ""]
    (model / CARD).write_text("\n".join(lines), encoding="utf-8")
    (model / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return model / CARD


def _steps(steps: list[dict[str, Any]]) -> str:
    return " + ".join(_step(step) for step in steps)


def _step(step: dict[str, Any]) -> str:
    fields = ", ".join(f"{name}={value}" for name, value in step.get("fields", {}).items())
    return f"{step['name']}({fields})" if fields else str(step["name"])
