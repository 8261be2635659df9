"""Every number of the sentences on data and split, against a count from the raw files of real, small runs."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.api.summary import summary
from bench.grid.file import read_grid
from bench.run.progress import Progress
from bench.run.run import Options, run
from results.figures.flow import flow
from results.methods import methods
from results.run_folder import read
from results.tables.main import table as table_of

GRID = """
name: {name}
data: {{image_table: {{table: {table}, labels: [lesion], ordinal: [grade]}}}}
targets: [lesion, grade]
sequences: {sequences}
images: [grayscale]
encoders: [raw_pixels: {{size: 4}}]
heads: [knn]
compare:
  - {{against: prior, metric: auc}}
  - {{against: prior, metric: mae}}
  - {{against: prior, metric: mae, family: {{targets: lesion}}}}
protocol: {protocol}
"""
RUNS = {
    "crossed": ("[a]", "{folds: 3, repeats: 1, identical_images: exclude}"),
    "official": ("[a]", "{split: official, identical_images: exclude}"),
}


@pytest.fixture(scope="module", params=list(RUNS))
def outcome(request, tmp_path_factory):
    """A run on 40 patients with one or two eyes, with faults of every kind."""
    place = tmp_path_factory.mktemp(request.param)
    random = np.random.default_rng(0)
    rows = []
    for i in range(40):
        for side in ("left", "right")[: 1 + i % 2]:
            for sequence in ("a", "b"):
                name = f"p{i:02}_{side}_{sequence}.png"
                Image.fromarray(random.integers(0, 255, (24, 24)).astype(np.uint8)).save(place / name)
                rows.append(
                    (
                        name,
                        f"p{i:02}",
                        side,
                        sequence,
                        str(i % 2) if i > 4 else "",
                        str(i % 3),
                        "test" if i > 24 else "",
                    )
                )
    columns = ["image", "patient", "side", "sequence", "lesion", "grade", "split"]
    table = pd.DataFrame(rows, columns=columns)
    of = table.set_index("image")
    for sample in ("p04_left", "p06_left"):  # p04 has no lesion either, so no label at all
        of.loc[f"{sample}_a.png", "grade"] = of.loc[f"{sample}_b.png", "grade"] = ""
    contradicted = "p09_left_b.png"
    of.loc[contradicted, "grade"] = str((int(of.loc[contradicted, "grade"]) + 1) % 3)
    of["split"] = of["split"].replace("", "train")
    table = of.drop(index=["p11_left_a.png", "p12_left_a.png", "p13_right_b.png"]).reset_index()
    if request.param != "official":
        table = table.drop(columns="split")
    (place / "p14_left_a.png").write_bytes(b"broken")
    (place / "p16_left_a.png").write_bytes((place / "p30_left_a.png").read_bytes())
    text = table.to_csv(index=False)
    (place / "scans.csv").write_text(text)
    sequences, protocol = RUNS[request.param]
    grid = place / "grid.yaml"
    located = GRID.replace("ordinal: [grade]", "ordinal: [grade], locations: [side]")
    grid.write_text(
        located.format(name=request.param, table=place / "scans.csv", sequences=sequences, protocol=protocol)
    )
    options = Options(runs=place / "runs", store=place / "store", jobs=1, device="cpu")
    return run(read_grid(grid, []), grid, [], options, Progress(live=False, show=lambda line: None))


class Raw:
    """What the files of a run folder say, counted here."""

    def __init__(self, folder):
        self.samples = pd.read_parquet(folder / "samples.parquet").reset_index()
        self.excluded = pd.read_csv(folder / "excluded.csv", dtype=str, keep_default_na=False)
        self.folds = pd.read_csv(folder / "folds.csv", dtype={"patient": str})
        self.cells = json.loads((folder / "cells.json").read_text())
        done = [cell for cell in self.cells if cell["status"] == "done"]
        self.predicted = {}
        for cell in done:
            table = pd.read_parquet(folder / "cells" / f"{cell['key']}.parquet")
            self.predicted.setdefault(cell["target"], []).append(table)

    def of(self, target):
        found = self.predicted[target][0].drop_duplicates("sample")
        assert all(set(one["sample"]) == set(found["sample"]) for one in self.predicted[target])
        return found

    def named(self):
        """The samples that the table names, with those that can't be used."""
        return set(self.samples["sample"]) | (set(self.excluded["sample"]) - {""})

    def lost(self, target):
        """For each reason the samples and the whole patients that it cost, from the samples and `excluded.csv`."""
        left, found = self.samples, {}

        def lose(words, which):
            nonlocal left
            kept = left[~which]
            n, whole = len(left) - len(kept), left["patient"].nunique() - kept["patient"].nunique()
            if n:
                found[words] = (n, whole)
            left = kept

        lost = self.excluded[~self.excluded["sample"].isin(["", *self.samples["sample"]])]
        unlabelled = set(lost.loc[lost["reason"] == "no label can be used", "sample"])
        assert unlabelled == {"p04_left"} and len(lost) == lost["sample"].nunique()
        found["without any label (their patients are not counted)"] = (len(unlabelled), 0)
        if unread := len(set(lost["sample"]) - unlabelled):
            found["that the tables do not describe well enough (their patients are not counted)"] = (unread, 0)
        lose("without a label", left[target].isna())
        predicted = set(self.of(target)["sample"])
        for words, reason in (("with an image that another patient has", "another patient"),):
            named = set(self.excluded.loc[self.excluded["reason"].str.startswith(reason), "sample"])
            self.copies = (words, named)
        faulty = set(self.excluded.loc[self.excluded["reason"].str.contains("read|image|PNG|identify"), "sample"])
        faulty -= self.copies[1]
        rest = ~left["sample"].isin(predicted)
        tested = set(self.folds.loc[self.folds["fold"] >= 0, "patient"])
        return found, left, rest, faulty, tested

    def parts(self, target):
        sizes = [one.groupby(["repeat", "fold"])["patient"].nunique() for one in self.predicted[target]]
        sizes = np.concatenate(sizes)
        return span(sizes)


def span(numbers):
    return str(min(numbers)) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def copies(folder):
    """The sentence on the one pair of copies, of which one is left out."""
    (pair,) = pd.read_csv(folder / "near_duplicates.csv").to_dict("records")
    assert pair["outcome"] == "one left out"
    yield "In 1 pair of scans of different patients, one scan is a copy of the other"
    yield "Of 1 pair, one scan was left out"


LEARNT = re.compile(r"(\d+) samples? of (\d+) patients? serves? to fit models and (?:is|are) not predicted")
LOSS = re.compile(r"(\d+) samples?(?: and (\d+) patients?)? ((?:that|not|without|with|in) [^,;.(]*(?:\([^)]*\))?)")


def check_way(text, raw, target):
    """Reads `Of N samples of M patients ...: losses` and adds it up to what the cells predict."""
    start = re.search(r"of (\d+) samples of (\d+) patients(?:, these are left out)?: (.*)", text, re.IGNORECASE)
    n, patients = int(start[1]), int(start[2])
    assert n == len(raw.named())
    assert patients == raw.samples["patient"].nunique()
    losses = [(int(a), int(b or 0), words.strip()) for a, b, words in LOSS.findall(start[3])]
    assert losses
    learnt = LEARNT.findall(text)
    always = set(raw.folds.groupby("patient")["fold"].max().loc[lambda fold: fold < 0].index)
    assert bool(learnt) == bool(always)
    lost = [(a, b) for a, b, _ in losses] + [(int(a), int(b)) for a, b in learnt]
    predicted = raw.of(target)
    assert n - sum(a for a, _ in lost) == len(predicted)
    assert patients - sum(b for _, b in lost) == predicted["patient"].nunique()
    expected = raw.lost(target)[0]
    said = {words: (a, b) for a, b, words in losses}
    assert expected.items() <= said.items(), (text, expected, said)
    copies = raw.copies[1]
    assert said.get(raw.copies[0], (0, 0))[0] <= len(copies)
    return losses


def test_what_was_left_out_adds_up_in_every_place(outcome):
    raw, opened = Raw(outcome.folder), read(outcome.folder)
    text = methods(opened)
    drawn = table_of(opened)
    for target in ("lesion", "grade"):
        found = [
            check_way(
                re.search(rf"For {target}: (of .*?\.(?: \d+ samples? of .*?predicted\.)?) ", text)[1], raw, target
            )
        ]
        caption = flow(opened, target).caption.replace("; ", ", ")
        parts = re.search(r"(\d+) samples of (\d+) patients", caption)
        assert (int(parts[1]), int(parts[2])) == (len(raw.named()), raw.samples["patient"].nunique())
        assert [(int(a), int(b or 0), w.strip()) for a, b, w in LOSS.findall(caption)] == found[0]
        line = next(one for one in summary(outcome) if one.startswith(f"{target}: "))
        assert check_way(line.partition("predict. ")[2], raw, target) == found[0]
        predicted = raw.of(target)
        whom = f"{predicted['patient'].nunique()} patients, {len(predicted)} samples ("
        assert whom in " ".join(drawn.split())
        below = " ".join(drawn.rpartition(f"{target}: image_table")[2].split())
        note = re.search(rf"{re.escape(whom)}.*?(left out of .*?\.(?: \d+ samples? of .*?predicted\.)?)(?: |$)", below)[
            1
        ]
        assert check_way(re.sub(r", excluded.csv lists \d+ faults?", "", note), raw, target) == found[0]


def test_every_number_on_data_and_split_is_known(outcome):
    raw, opened = Raw(outcome.folder), read(outcome.folder)
    paragraphs = methods(opened).split("\n\n")
    text = " ".join(p.partition("** ")[2] for p in paragraphs if p.startswith(("**Data.", "**Split.")))
    tested = raw.folds[raw.folds["fold"] >= 0]
    sizes = tested.groupby(["repeat", "fold"])["patient"].nunique()
    held = "; ".join(f"{raw.parts(target)} for {target}" for target in ("lesion", "grade"))
    known = [
        f"The dataset has {len(raw.named())} samples of {raw.samples['patient'].nunique()} patients",
        f"While the data were read, {len(raw.excluded)} faults were found: ",
        f"The folds hold {span(sizes)} patients each",
        f"the patients with a label and a scan were tested: {held}",
        f"{tested['patient'].nunique()} test patients, predicted once, and "
        f"{raw.folds['patient'].nunique() - tested['patient'].nunique()} others",
        f"Cross-validation was {tested['fold'].nunique()}-fold",
        f"drawn {raw.folds['repeat'].nunique()} times",
        "(seed 0)",
        "fewer than 20 patients in a class",
        *copies(outcome.folder),
    ]
    for target in ("lesion", "grade"):
        p = raw.of(target)
        by_class = p["y"].value_counts().sort_index()
        rarest = p.groupby("y")["patient"].nunique().min()
        names = sorted(raw.samples[target].dropna().astype(int).unique())
        events = ", ".join(f"{name}: {n}" for name, n in zip(names, by_class, strict=True))
        of = f" of {len(raw.samples)} samples," if len(p) < len(raw.samples) else " samples"
        known.append(
            f"{len(p)}{of} of {p['patient'].nunique()} patients ({events}; the rarest class in {rarest} patients)"
        )
        known.append(
            f"has the classes {' / '.join(map(str, sorted(raw.samples[target].dropna().astype(int).unique())))}"
        )
    reasons = raw.excluded["reason"].str.replace(r"^line \d+: ", "", regex=True).str.split(":").str[0].value_counts()
    known += [f"{reason} (n = {n})" for reason, n in reasons.items()]
    text = re.sub(r"For \w+: of .*?\. ", "", text)  # the other test adds these up
    text = LEARNT.sub("", text)
    text = re.sub(r"`[^`]*`|\[[^]]*\]", "", text)
    for words in sorted(known, key=len, reverse=True):
        text = text.replace(words, "")
    assert not re.findall(r"[^.]*\d[^.]*", text)


def test_only_inner_splits_and_families_that_were_used_are_named(outcome):
    text = methods(read(outcome.folder))
    cells = Raw(outcome.folder).cells
    tuned = any(cell["tuned"] for cell in cells)
    inner = re.findall(r"[^.]*(?:nner splits? for|validation part)[^.]*\.", text)
    assert bool(inner) == tuned
    assert not any("early stopping" in one or "calibration" in one for one in inner)
    assert "3 families of comparisons were declared in the grid. Family 1 compared all cells with" in text
    assert re.search(r"with the floor `prior` by mean absolute error; [^.]*made: 0 of 1 for lesion", text)
