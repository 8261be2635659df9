"""What each column of the leaderboard means; the run folder gives the meanings of the axes."""

from __future__ import annotations

MEANINGS = {
    "rank": "Place by AUC among all rows of the target, floors among them. It leads to the details of the cell.",
    "kind": (
        "cell: one combination of the grid. floor: what needs no image (prior: the base rate; location: level, side "
        "and condition alone; random: draws from the base rate). failed, refused, to do: it has no scores, and why."
    ),
    "accuracy": "Share of samples whose most probable class is right. Read it beside balanced accuracy and prior.",
    "balanced_accuracy": "Mean over the classes of the share that is found.",
    "f1": "Mean over the classes of F1, which joins the share found with the share right among those named.",
    "auc": "How often a sample with the finding ranks above one without it, inside a fold. 0.5 is chance.",
    "auc_within_level": "AUC that compares samples of one level only. It shows what the image adds to the level.",
    "gain": "AUC minus that of location, on the samples that both predict.",
    "kappa": "Agreement with the grade beyond chance; a miss by two grades costs four times one by one.",
    "mae": "Mean distance between grade and most probable grade. Lower is better.",
    "auc_thresholds": "Mean AUC over all ways to cut the grades in two.",
    "null_auc": "Mean AUC of the same cell on permuted labels.",
    "p_value": "Share of null runs that did as well, counting the cell itself. Empty for exploratory targets.",
    "auc_refit": "1.96 SD of the AUC over refits on drawn patients. It covers training sets too. Sorted by that SD.",
    "n_patients": "Patients that the cell was scored on.",
    "n_samples": "Samples that the cell was scored on.",
    "tuned": "tuned: the head's settings were chosen on inner folds. default: they were not.",
    "seconds": "Computing time of the cell.",
}
