"""Every number of the methods of runs under other protocols, against a count from the raw files of the run."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.grid.file import read_grid
from bench.run.progress import Progress
from bench.run.run import Options, run
from results.methods import methods
from results.run_folder import read
from results.tables.external import external_sheets
from results.tables.main import table
from results.tables.table_one import table_one

DATA = "{{image_table: {{table: {table}, labels: [lesion], ordinal: [grade], locations: [side]}}}}"
GRID = f"""
name: {{name}}
data: {DATA}
targets: {{targets}}
sequences: {{sequences}}
images: [grayscale]
encoders: [raw_pixels: {{{{size: 4}}}}]
heads: {{heads}}
compare: [{{{{against: prior, metric: auc}}}}]
protocol: {{protocol}}
{{more}}
"""
RUNS = {
    "file": {
        "targets": "[lesion, grade: {merge: {2: 1}}]",
        "heads": "[knn, svc: {tune: {C: [0.1, 1]}}]",
        "protocol": "{split: FOLDER/folds.csv}",
        "more": "interval: {refit: 2, cells: [{heads: knn}]}",
    },
    "dropped": {"sequences": "[a + b]", "protocol": "{folds: 3, repeats: 2, drop: {a: [0, .3]}}"},
    "complete": {"sequences": "[a, a + b]", "protocol": "{folds: 3, repeats: 2, complete: true}"},
    "external": {
        "heads": "[knn, knn: {neighbours: 999}]",  # the second one fails: there are not so many rows
        "protocol": "{folds: 3, repeats: 1}",
        "more": f"external: {DATA.format(table='FOLDER/other.csv')}",
    },
}
NULLS, REFITS, RESAMPLES = 3, 2, 2000
CONSTANTS = (
    "1 / repeats + folds x test / train",
    "at most 5 (2 with more than two classes)",
    "95 % intervals",
    "1.96 standard deviations",
    "16 x 16 pixels",
    "a class has fewer than 20 patients",
    "fewer than 20 patients in a class",
    "to [0, 1]",
    "(1 + runs whose AUC was at or above the observed one) / (runs + 1)",
    "so their mean AUC is that of the place, not 0.5",
    "(seed 0)",
    "Merged: 2 counts as 1",
)


def images(folder, prefix, patients, random):
    """A table of two pictures of each eye; every second patient has one eye, some lack one picture."""
    rows = []
    for i in patients:
        for side in ("left", "right")[: 1 + i % 2]:
            for sequence in ("a", "b"):
                if sequence == "a" and (prefix, i, side) in (("p", 11, "left"), ("p", 12, "left"), ("q", 24, "left")):
                    continue
                name = f"{prefix}{i:02}_{side}_{sequence}.png"
                Image.fromarray(random.integers(0, 255, (24, 24)).astype(np.uint8)).save(folder / name)
                rows.append((name, f"{prefix}{i:02}", side, sequence, str(i % 2) if i > 4 else "", str(i % 3)))
    return pd.DataFrame(rows, columns=["image", "patient", "side", "sequence", "lesion", "grade"])


@pytest.fixture(scope="module", params=list(RUNS))
def outcome(request, tmp_path_factory):
    return made(tmp_path_factory.mktemp(request.param), request.param, RUNS[request.param])


def made(place, name, fields):
    """Runs a grid on pictures; gives its folder."""
    random = np.random.default_rng(0)
    known = images(place, "p", range(40), random)
    known.to_csv(place / "scans.csv", index=False)
    images(place, "q", range(20, 34), random).to_csv(place / "other.csv", index=False)
    patients = sorted(set(known["patient"]))
    folds = [(p, r, (i // 2 + r) % 4 if i > 1 else -1) for r in (0, 1) for i, p in enumerate(patients)]
    pd.DataFrame(folds, columns=["patient", "repeat", "fold"]).to_csv(place / "folds.csv", index=False)
    fields = {"targets": "[lesion]", "sequences": "[a]", "heads": "[knn]", "more": ""} | fields
    fields = {key: text.replace("FOLDER", str(place)) for key, text in fields.items()}
    grid = place / "grid.yaml"
    grid.write_text(GRID.format(name=name, table=place / "scans.csv", **fields))
    null = NULLS if name == "file" else 0
    options = Options(runs=place / "runs", store=place / "store", jobs=1, device="cpu", null=null)
    done = run(read_grid(grid, []), grid, [], options, Progress(live=False, show=lambda line: None))
    (done.folder / "tables.md").write_text(table(read(done.folder), format="md"))
    return done.folder


def span(numbers):
    return f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def counted(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


class Raw:
    """What the files of a run folder say."""

    def __init__(self, folder, *, folds=True):
        self.folder = folder
        self.samples = pd.read_parquet(folder / "samples.parquet").reset_index()
        self.folds = pd.read_csv(folder / "folds.csv", dtype={"patient": str}) if folds else None
        self.cells = json.loads((folder / "cells.json").read_text())
        self.own = [cell for cell in self.cells if not cell["floor"]]
        self.done = [cell for cell in self.cells if cell["status"] == "done"]
        self.targets = list(dict.fromkeys(cell["target"] for cell in self.cells))

    def predicted(self, cell):
        return pd.read_parquet(self.folder / "cells" / f"{cell['key']}.parquet")


def on_data(raw):
    """The sentences of the paragraph on data."""
    of = f"{len(raw.samples)} samples of {raw.samples['patient'].nunique()} patients"
    yield f"The dataset has {of}"
    lacking = int(raw.samples["lesion"].isna().sum())
    yield f"{counted(lacking, 'fault')} were found: lesion is absent (n = {lacking})"
    for target in raw.targets:
        for cell in (one for one in raw.done if one["target"] == target):
            p, classes = raw.predicted(cell).drop_duplicates("sample"), cell["classes"]
            events = ", ".join(f"{name}: {(p['y'] == k).sum()}" for k, name in enumerate(classes))
            rarest = p.groupby("y")["patient"].nunique().min()
            yield (
                f"the classes {' / '.join(classes)}: {len(p)} of {len(raw.samples)} samples, of "
                f"{p['patient'].nunique()} patients ({events}; the rarest class in {rarest} patients)"
            )
            named = [
                f"For {target}: ",
                f"For {target}, sequences {cell['axes']['sequences']} ({counted(len(p), 'sample')}): ",
            ]
            for losses in (
                lost(raw, cell, target, p, scan)
                for scan in ("without a scan of the sequences used", "without every sequence")
            ):
                yield from (f"{words}of {of}, these are left out: {losses}" for words in named)


def lost(raw, cell, target, predicted, scan):
    """What each step lost: no label, no scan (in words, since two steps can lose it); and whom none predicts."""
    left, words, learnt = raw.samples, [], ""
    always = set(raw.folds.groupby("patient")["fold"].max().loc[lambda fold: fold < 0].index)
    unseen = ~left["sample"].isin(predicted["sample"])
    alone = left["patient"].isin(always)
    for why, rows in (
        ("without a label", left[target].isna()),
        (scan, unseen & ~alone & left[target].notna()),
        ("serve", alone & left[target].notna()),
    ):
        kept = left[~rows.loc[left.index]]
        n, whole = len(left) - len(kept), left["patient"].nunique() - kept["patient"].nunique()
        if n and why == "serve":
            learnt = (
                f". {counted(n, 'sample')} of {counted(whole, 'patient')} serve to fit models and are not predicted"
            )
        elif n:
            patients = f" and {counted(whole, 'patient')}" if whole else ""
            words.append(f"{counted(n, 'sample')}{patients} {why}")
        left = kept
    return ", ".join(words) + learnt


def on_sequences(raw, text):
    """Patients 11 and 12 lack picture a of one eye; more lack it where a share of patients lost it."""
    joint = [cell for cell in raw.done if cell["axes"]["sequences"] == "a + b"]
    for cell in joint:
        n, whole = raw.predicted(cell)["sample"].nunique(), raw.folder.name == "complete"
        start = f"Of the {n} samples that cells of lesion with a + b"
        if cell["axes"]["drop"] == "none":
            have = f"{n} have both sequences" if whole else f"{n - 2} have both sequences and 2 lack a"
            assert f"{start} use, {have}." in text
            yield f"{start} use, {have}"
        else:
            words = re.search(
                rf"{re.escape(start)} \(30 % without a\) use, (\d+) have both sequences and (\d+) lack a\.", text
            )
            assert int(words[1]) + int(words[2]) == n and int(words[2]) > 2
            yield words[0]


def on_split(raw):
    tested = raw.folds[raw.folds["fold"] >= 0]
    yield f"Cross-validation was {tested['fold'].nunique()}-fold"
    yield f"drawn {raw.folds['repeat'].nunique()} times"
    yield f"The folds hold {span(tested.groupby(['repeat', 'fold'])['patient'].nunique())} patients each"
    parts = []
    for target in raw.targets:
        each = [raw.predicted(cell) for cell in raw.done if cell["target"] == target]
        sizes = pd.concat([p.groupby(["repeat", "fold"])["patient"].nunique() for p in each])
        parts.append(f"{span(sizes)} for {target}")
    whole = "every sequence" if raw.folder.name == "complete" else "a scan"
    yield f"the patients with a label and {whole} were tested: {'; '.join(parts)}"
    always = raw.folds["patient"].nunique() - tested["patient"].nunique()
    yield f"{always} patients were always in training"
    if (raw.folder / "external").exists():
        learnt = raw.predicted(raw.done[0])["patient"].nunique()
        (outside,) = {
            f"{counted(one['sample'].nunique(), 'sample')} of {counted(one['patient'].nunique(), 'patient')} "
            f"(0: {(one['y'] == 0).sum()}, 1: {(one['y'] == 1).sum()})"
            for one in map(pd.read_parquet, (raw.folder / "external" / "cells").glob("*.parquet"))
        }
        yield f"For lesion, cells were fitted on {learnt} patients and scored on {outside}"


def on_grid(raw):
    combinations = {tuple(cell["axes"].items()) for cell in raw.own}
    yield f"The grid has {counted(len(combinations), 'combination')} of steps and {counted(len(raw.targets), 'target')}"
    yield f"the run has {counted(len(raw.own), 'cell')}, and {len(raw.cells) - len(raw.own)} cells of floors"
    yield from (f"{len(raw.done)} of {len(raw.cells)} cells were completed", "1 failed:  (1 cell)")
    yield "none; and 30 % without a"


def on_statistics(raw):
    repeats = raw.folds["repeat"].nunique()
    yield f"averaged over the {repeats} repeats"
    yield f"{RESAMPLES} resamples"
    tuned = [cell for cell in raw.own if cell["tuned"]]
    yield f"{len(tuned)} of {len(raw.own)} cells have a head that was tuned"
    again = {kind: {path.parent.name for path in raw.folder.glob(f"{kind}/*/*")} for kind in ("null", "refit")}
    yield f"{counted(len(again['null']), 'cell')} were run again {NULLS} times each"
    yield f"at least {1 / (NULLS + 1):.3f}"
    yield f"For {counted(len(again['refit']), 'cell')} named in the grid"
    yield f"run again {REFITS} times"
    yield f"The best of the {len({tuple(cell['axes'].items()) for cell in raw.own})} combinations"
    made = []
    for target in raw.targets:
        own = [cell for cell in raw.own if cell["target"] == target]
        done = [cell for cell in own if cell["status"] == "done"]
        ranked = [raw.predicted(cell).groupby(["repeat", "fold"])["y"].nunique().max() > 1 for cell in done]
        some = "" if sum(ranked) == len(own) else f"{sum(ranked)} of "
        made.append(f"{some}{len(own)} for {target}")
    yield f"comparisons that could be made: {', '.join(made)}"


def test_every_number_of_the_methods_is_counted_from_the_files(outcome):
    raw = Raw(outcome)
    written = methods(read(outcome))
    known = [*CONSTANTS, *on_sequences(raw, written), *on_data(raw), *on_split(raw), *on_grid(raw), *on_statistics(raw)]
    paragraphs = written.partition("## References")[0].split("\n\n")
    text = " ".join(p.partition("** ")[2] for p in paragraphs if not p.startswith("**Software"))
    text = re.sub(r"\[[@A][^]]*\]|\(`[^`]*`, [^)]*\)|`[^`]*`|macro F1", "", text)  # references, fields of steps
    for words in sorted(known, key=len, reverse=True):
        text = text.replace(words, "")
    assert not re.findall(r"[^.;]*\d[^.;]*", text)


def test_what_was_not_done_is_not_said(outcome):
    raw, text = Raw(outcome), methods(read(outcome))
    nulls, refits = (any(raw.folder.glob(f"{kind}/*/*")) for kind in ("null", "refit"))
    assert ("No runs on permuted labels were made" in text) == (not nulls)
    assert ("patients were also drawn before the folds" in text) == refits
    assert ("No data from outside these folds were tested" in text) == (not (outcome / "external").exists())
    assert ("were completed" in text) == (len(raw.done) < len(raw.cells))
    assert ("Inner splits" in text) == any(cell["tuned"] for cell in raw.cells)
    assert ("averaged over the" in text) == (raw.folds["repeat"].max() > 0)
    assert "p-values of a family" not in text  # every target is exploratory here


def test_an_external_test_of_several_inputs_counts_by_what_cells_read(tmp_path):
    folder = made(tmp_path, "inputs", {**RUNS["external"], "heads": "[knn]", "sequences": "[b, a + b, a]"})
    raw, outside = Raw(folder), Raw(folder / "external", folds=False)
    own = [cell for cell in outside.done if not cell["floor"]]
    learnt = {one["axes"]["sequences"]: raw.predicted(one)["patient"].nunique() for one in raw.own}
    scored = {one["axes"]["sequences"]: outside.predicted(one) for one in own}
    samples, patients = ([one[name].nunique() for one in scored.values()] for name in ("sample", "patient"))
    assert len(set(learnt.values())) == len(set(samples)) == len(set(patients)) == 2
    events = max(scored.values(), key=len)["y"].value_counts()
    assert (
        f"For lesion, cells were fitted on {span(learnt.values())} patients, by what they read, and scored on "
        f"{span(samples)} samples of {span(patients)} patients (0: {events[0]}, 1: {events[1]} where most are scored)."
    ) in methods(read(folder))
    (sheet,) = external_sheets(read(folder))
    assert f"Fitted once on the {span(learnt.values())} patients of" in " ".join(sheet.notes)
    assert sheet.extras == ("Patients\nfitted", "Patients\nscored", "Samples\nscored")
    for row in sheet.rows:
        (name,) = set(row.labels) & set(learnt)
        p = scored[name]
        assert row.extras == tuple(map(str, (learnt[name], p["patient"].nunique(), p["sample"].nunique())))
    table_1 = {row.labels[0]: row.labels[1:] for row in table_one(read(folder)).rows}
    everyone = pd.concat(scored.values()).drop_duplicates("sample")
    counts = [str(one.samples["patient"].nunique()) for one in (raw, outside)]
    assert (table_1["Patients"][0], table_1["Patients"][-1]) == tuple(counts)
    assert table_1["Samples"][-1] == str(len(outside.samples))
    assert table_1["lesion: patients / samples"][-1] == f"{everyone['patient'].nunique()} / {len(everyone)}"
    assert table_1["lesion = 1, samples"][-1].startswith(f"{(everyone['y'] == 1).sum()} (")
