"""What reviewers ask of a paper (CLAIM 2024, TRIPOD+AI), with what a run folder answers."""

from __future__ import annotations

from dataclasses import dataclass

from results.methods.answers import AUTHORS, answers
from results.methods.evidence import gather
from results.run_folder import Run
from results.tables.escaping import markdown_cell


@dataclass(frozen=True)
class _Item:
    """An item in our words.

    Args:
        section: Where it stands in a paper.
        asks: What is asked.
        tripod: Its number in TRIPOD+AI; "" where that has no such item.
        claim: Whether CLAIM 2024 asks it.
        answer: The name of what answers it in `results.methods.answers`; "" where only the authors can.
    """

    section: str
    asks: str
    tripod: str
    claim: bool = True
    answer: str = ""


_ITEMS = (
    _Item("Title and abstract", "named as a study of a prediction model or AI method", "1"),
    _Item("Title and abstract", "structured summary", "2"),
    _Item("Introduction", "clinical background and intended role", "3a"),
    _Item("Introduction", "whom the model is for, and its users", "3b", False),
    _Item("Introduction", "known inequalities of care between groups", "3c", False),
    _Item("Introduction", "objectives or hypotheses", "4"),
    _Item("Data", "prospective or retrospective; goal of the study", ""),
    _Item("Data", "source of the data", "5a", True, "source"),
    _Item("Data", "dates of acquisition", "5b", False),
    _Item("Data", "setting, centres, place", "6a"),
    _Item("Data", "eligibility, and what was left out", "6b", True, "exclusions"),
    _Item("Data", "treatments that patients had", "6c", False),
    _Item("Data", "preparation of images", "7", True, "preparation"),
    _Item("Data", "de-identification", ""),
    _Item("Data", "scanners and acquisition protocol", ""),
    _Item("Data", "missing data and what stood in for them", "11", True, "missing"),
    _Item("Data", "size of the study and the reason for it", "10", True, "size"),
    _Item("Reference standard", "definition of the outcome", "8a", True, "classes"),
    _Item("Reference standard", "who graded, with what training", "8b"),
    _Item("Reference standard", "what graders were blinded to", "8c", False),
    _Item("Reference standard", "reason for the choice, agreement within and between readers", ""),
    _Item("Partitions", "how data were split", "12a", True, "split"),
    _Item("Partitions", "on which level parts share nothing (patient, image)", "", True, "level"),
    _Item("Model", "inputs and how they were chosen", "9a", True, "inputs"),
    _Item("Model", "inputs defined: regions and their marking", "9b", False, "regions"),
    _Item("Model", "who judged inputs by eye", "9c", False),
    _Item("Model", "scaling of what enters the model", "12b", False, "scaling"),
    _Item("Model", "kind of model and every step of building it", "12c", True, "model"),
    _Item("Model", "start of its weights", "", True, "weights"),
    _Item("Model", "software with versions", "", True, "software"),
    _Item("Model", "what the model puts out, thresholds of classes", "15", False, "output"),
    _Item("Training", "what learns, where, tuning", "12c", True, "training"),
    _Item("Training", "choice of the final model", "", True, "choice"),
    _Item("Training", "ensembles", "", True, "ensembles"),
    _Item("Training", "class imbalance, and whether probabilities were corrected for it", "13", False, "balance"),
    _Item("Evaluation", "measures of performance and their reason", "12e", True, "metrics"),
    _Item("Evaluation", "uncertainty and tests", "12e", True, "uncertainty"),
    _Item("Evaluation", "robustness and sensitivity", "", True, "robustness"),
    _Item("Evaluation", "differences between clusters such as centres", "12d", False),
    _Item("Evaluation", "how predictions were computed for it", "12g", False, "held_out"),
    _Item("Evaluation", "updating of an existing model", "12f", False),
    _Item("Evaluation", "fairness between groups", "14", False),
    _Item("Evaluation", "explainability", "", True, "explainability"),
    _Item("Evaluation", "external test; how it differs from training", "16", True, "external"),
    _Item("Ethics", "approval and consent", "17"),
    _Item("Results", "flow of patients, numbers left out", "20a", True, "flow"),
    _Item("Results", "characteristics of patients by part", "20b", True, "characteristics"),
    _Item("Results", "training and test patients compared", "20c", False, "characteristics"),
    _Item("Results", "patients and events of every analysis", "21", False, "events"),
    _Item("Results", "the whole model, so that others can predict with it", "22", False),
    _Item("Results", "performance with intervals", "23a", True, "performance"),
    _Item("Results", "performance by centre or group", "23b", False),
    _Item("Results", "results of updating", "24", False),
    _Item("Results", "failures: cells that did not finish, cases that were wrong", "", True, "failures"),
    _Item("Discussion", "interpretation, with earlier studies and fairness", "25"),
    _Item("Discussion", "limits of the study", "26", True, "limits"),
    _Item("Discussion", "use in practice: poor or missing input, users, next steps", "27a-c"),
    _Item("Other", "funding; conflicts of interest", "18a-b"),
    _Item("Other", "study protocol and registration", "18c-d"),
    _Item("Other", "data, code and models for others", "18e-f", True, "code"),
    _Item("Other", "part that patients and the public had", "19", False),
)


def checklist(run: Run) -> str:
    """The items of both checklists in Markdown, in our words, with what the run answers or who must.

    TRIPOD+AI's items carry their numbers. Those of CLAIM 2024 are grouped by section and marked, without numbers. The
    published checklists stay what a journal wants to see filled in.

    Args:
        run: A run folder.

    Raises:
        ResultsError: A file of the run folder can't be read.

    References:
        A. S. Tejani et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update, Radiology:
        Artificial Intelligence 2024, doi:10.1148/ryai.240300.
        G. S. Collins et al., TRIPOD+AI statement, BMJ 2024, doi:10.1136/bmj-2023-078378.
    """
    given = answers(gather(run))
    lines = [
        f"## Checklist: run {run.name}",
        "",
        "Items of CLAIM 2024 (doi:10.1148/ryai.240300, by section) and TRIPOD+AI (doi:10.1136/bmj-2023-078378, by "
        "number), in short words of our own. What the run folder answers is filled in, for the published forms.",
    ]
    for section in dict.fromkeys(item.section for item in _ITEMS):
        lines += ["", f"### {section}", "", "| TRIPOD+AI | CLAIM | Item | Answer |", "|:--|:--|:--|:--|"]
        for item in _ITEMS:
            if item.section == section:
                answer = given[item.answer] if item.answer else AUTHORS
                cells = (item.tripod or "-", "yes" if item.claim else "-", item.asks, markdown_cell(answer))
                lines.append(f"| {' | '.join(cells)} |")
    filled = sum(given.get(item.answer, AUTHORS).rstrip(".") != AUTHORS for item in _ITEMS)
    lines += ["", f"The run answers {filled} of {len(_ITEMS)} items, in part or in full."]
    return "\n".join(lines) + "\n"
