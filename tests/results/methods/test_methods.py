"""The methods in words: every number against a count made here, every citation with its entry, and the reverse."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.describing.references import bibliography
from results.methods import methods
from results.methods.references import STATISTICS, bibtex
from results.run_folder import ResultsError, read
from results.scores.scores import scores

SESSION = {
    "finished": "2025-03-04T05:06:07+00:00",
    "device": "cpu",
    "seconds": {"reading": 10.0, "fitting": 32.0},
    "peak_memory_mib": 3000.0,
    "versions": {"python": "3.12.1", "numpy": "2.1.0", "scikit-learn": "1.6.0", "lightgbm": "4.7.0", "torch": "2.6.0"},
    "code": {"commit": "c0ffee" + "0" * 34, "changed_files": "0"},
    "machine": {"system": "Linux-6", "processor": "A processor", "cores": 3, "memory_gib": 15.5},
}


def complete(run, *, excluded=(), sessions=(SESSION,)):
    """Writes the other files of a run folder."""
    official = run.about["protocol"].get("split") == "official"
    rows = [
        (p, repeat, (0 if fold == 3 else -1) if official else fold)
        for repeat, folds in enumerate(run.fold)
        for p, fold in zip(sorted(set(run.patient)), folds, strict=True)
    ]
    pd.DataFrame(rows, columns=["patient", "repeat", "fold"]).to_csv(run.folder / "folds.csv", index=False)
    table = pd.DataFrame(list(excluded), columns=["file", "sample", "sequence", "reason"])
    table.to_csv(run.folder / "excluded.csv", index=False)
    (run.folder / "provenance.json").write_text(json.dumps(list(sessions)))
    return read(run.finish())


def cited(text):
    groups = re.findall(r"\[(@[^]]*)\]", text.partition("## References")[0])
    return set(re.findall(r"@(\w+)", " ".join(groups)))


def test_every_key_has_an_entry_of_its_own():
    for key, entry in STATISTICS.items():
        assert re.match(rf"@\w+{{{key},\n", entry)
        assert entry.count("{") == entry.count("}")
        assert {"author", "title", "year"} <= set(re.findall(r"^  (\w+)=", entry, re.MULTILINE))
        assert key.endswith(re.search(r"year=\{(\d+)\}", entry)[1])
    assert all(bibliography().get(key, entry) == entry for key, entry in STATISTICS.items())
    assert bibtex(["jiang2008", "doe2020", "jiang2008"], {"doe2020": "@misc{doe2020}"}).count("@") == 2


def test_every_work_that_a_sentence_cites_has_an_entry():
    code = "".join(path.read_text() for path in Path("results").rglob("*.py"))
    keys = set(re.findall(r"@([a-z]+\d{4})\b", code))
    assert len(keys) > 8 and not keys - set(STATISTICS)


def test_data_and_split_are_those_of_the_folder(new_run):
    writer = new_run(repeats=2)
    few = np.arange(len(writer.y)) < 90
    writer.add(writer.signal, rows=few, heads="svc", sequences="t2")
    cut = ("truncated", "truncated: it breaks off after 9 bytes: copy it again")
    faults = [*(("a.png", "", "", why) for why in cut), ("t.csv", "", "", "line 7: no grade")]
    text = methods(complete(writer, excluded=faults))
    ones = int(writer.y[few].sum())
    carriers = len(set(writer.patient[few & (writer.y == 1)]))
    other = len(set(writer.patient[few & (writer.y == 0)]))
    assert "The dataset has 120 samples of 40 patients" in text
    assert "While the data were read, 3 faults were found: truncated (n = 2); no grade (n = 1)." in text
    assert f"90 of 120 samples, of 30 patients (0: {90 - ones}, 1: {ones}; the rarest class in" in text
    assert f"the rarest class in {min(carriers, other)} patients)" in text
    assert "4-fold, grouped by patient, stratified on narrowing, and drawn 2 times (seed 0)" in text
    assert "The folds hold 10 patients each" in text


def test_software_time_and_memory_are_those_of_all_starts(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="lightgbm")
    later = SESSION | {"versions": SESSION["versions"] | {"lightgbm": "4.8.0"}, "peak_memory_mib": 512.0}
    later |= {"code": {"commit": "beef" + "0" * 36, "changed_files": "4"}}
    text = methods(complete(writer, sessions=[SESSION, later]))
    assert "Python 3.12.1 with LightGBM 4.7.0 and 4.8.0 [@ke2017], NumPy 2.1.0" in text
    assert "took 84 s together in 2 starts, side by side where cores allowed (reading 20, fitting of heads 64)" in text
    assert "is not known" not in text
    assert "Peak memory was 2.9 GiB" in text
    assert "commits c0ffee000000, beef00000000" in text
    assert "In 1 of 2 starts, files differed from the commit (up to 4) [AUTHORS:" in text
    assert "A processor (3 cores, 15.5 GiB of memory), Linux-6" in text
    assert "PyTorch" not in text
    text = methods(complete(writer, sessions=[{"device": "cpu", "versions": {}, "code": {}}, SESSION]))
    assert "took 42 s together in 1 start, " in text and "The time of 1 start that was stopped is not known." in text


def test_readers_of_files_that_the_dataset_alone_uses_are_not_said_to_have_been_needed(new_run):
    writer = new_run(dataset="image_table")
    writer.add(writer.signal, encoders="disc_geometry", heads="lightgbm")
    session = SESSION | {"versions": SESSION["versions"] | {"pydicom": "3.0.1", "nibabel": "5.3.2"}}
    text = methods(complete(writer, sessions=[session]))
    assert (
        "The data were read with NiBabel 5.3.2 and pydicom 3.0.1 [@mason2011], each for its formats of files." in text
    )
    assert "LightGBM 4.7.0 [@ke2017], NumPy 2.1.0" in text


def test_what_is_cited_has_an_entry_and_what_has_an_entry_is_cited(new_run):
    writer = new_run()
    writer.add_grid(
        images=["grayscale + clahe(tiles=4)"],
        encoders=["efficientnet_lite0", "timm_backbone(model=resnet18, weights=random)"],
        balance=["none", "smote"],
        heads=["svc(kernel=linear)", "xgboost"],
    )
    writer.add_floors()
    text = methods(complete(writer))
    assert cited(text) == set(re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE))
    assert {"tan2019", "russakovsky2015", "he2016", "chawla2002", "platt1999", "zuiderveld1994"} <= cited(text)
    assert not {"ke2017", "chen2019", "ilse2018", "phipson2010", "kingma2015", "field2007"} & cited(text)


def test_only_trained_weights_cite_what_they_were_trained_on(new_run):
    writer = new_run()
    writer.add(writer.signal, encoders="efficientnet_lite0(weights=random, size=96)", heads="logistic")
    text = methods(complete(writer))
    assert "(`efficientnet_lite0`, weights = random, size = 96, untrained)" in text
    assert "russakovsky2015" not in text


def test_steps_that_vary_are_separated_from_those_that_do_not(new_run):
    writer = new_run()
    writer.add_grid(regions=["mask(slices=3)"], encoders=["raw_pixels"], heads=["logistic", "knn(neighbours=9)", "mlp"])
    text = methods(complete(writer))
    assert "(`mask`, slices = 3) in every cell." in text
    assert "Three classifiers (heads) were compared:" in text
    assert "k nearest neighbours (`knn`, neighbours = 9)" in text
    assert "Class imbalance was not treated." in text
    assert "The grid has 3 combinations of steps and 1 target." in text


@pytest.mark.parametrize(
    ("tuned", "sentence"),
    [
        ((False, False), "No head was tuned"),
        ((True, True), "All heads were tuned"),
        ((True, False), "1 of 2 cells have a head that was tuned (`svc`)"),
    ],
)
def test_tuning(new_run, tuned, sentence):
    writer = new_run()
    for head, is_tuned in zip(("svc", "knn"), tuned, strict=True):
        writer.add(writer.signal, heads=head, tuned=is_tuned)
    assert sentence in methods(complete(writer))


def test_shares_of_patients_that_lost_a_sequence(new_run):
    writer = new_run()
    for drop in ("none", "t2=0.3", "t1=0.6, t2=0.3"):
        writer.add(writer.signal, sequences="t1 + t2", drop=drop, heads="svc")
    assert ": none; 30 % without t2; and 60 % without t1 and 30 % without t2." in methods(complete(writer))


def test_what_learns_in_the_fold_is_named(new_run):
    writer = new_run()
    axes = {"sequences": "t1 + t2", "missing": "neighbours(k=5)", "encoders": "resnet50(project=512)"}
    writer.add(writer.signal, fusion="attention", heads="logistic", **axes)
    writer.add(writer.signal, fusion="concat", heads="logistic", **axes)
    text = methods(complete(writer))
    assert "substitute for an absent sequence `neighbours` (without labels)" in text
    assert "fusion of slices and sequences `attention` (with labels)" in text
    assert "the projection of `resnet50`" in text
    assert "calibrated on inner refits" in text


def test_resamples_metrics_and_null_runs_are_those_of_the_folder(new_run):
    writer = new_run()
    key = writer.add(writer.signal, heads="svc")
    writer.add_floors()
    run = complete(writer)
    assert "[AUTHORS: name the scores" in methods(run)
    assert "No runs on permuted labels were made." in methods(run)
    scores(run, ["auc", "f1"], resamples=137)
    writer.add_null(key, writer.random.normal(size=(7, len(writer.y))))
    text = methods(run)
    assert "Scores were accuracy, balanced accuracy, macro F1, AUC, AUC within level." in text
    assert "with 137 resamples" in text
    assert (
        "1 cell was run again 7 times each on labels that patients exchanged within each level, on folds drawn anew"
        in text
    )
    assert "{phipson2010," in text


@pytest.mark.parametrize("perfect", [True, False])
def test_the_interval_of_a_perfect_score_is_described_where_there_is_one(new_run, perfect):
    writer = new_run()
    writer.add(20.0 * (2 * writer.y - 1) if perfect else writer.signal + writer.random.normal(size=len(writer.y)))
    run = complete(writer)
    scores(run, ["auc"], resamples=50)
    text = methods(run)
    assert ("Where a score is perfect (here " in text) == perfect
    assert ("{clopper1934," in text) == perfect


def test_scores_of_several_repeats_pool_the_folds_of_each(new_run):
    writer = new_run(repeats=2)
    writer.add(writer.signal)
    writer.add_floors()
    run = complete(writer)
    scores(run, ["auc", "f1"], resamples=20)
    sentence = "Other scores pooled the predictions of all folds of a repeat, then averaged over the 2 repeats."
    assert sentence in " ".join(methods(run).split())


def test_an_official_split(new_run):
    writer = new_run(protocol={"split": "official", "validation": True, "seed": 0, "folds": 1, "repeats": 1})
    writer.add(writer.signal, rows=writer.fold[0][writer.of_patient] == 3, heads="svc")
    text = methods(complete(writer))
    assert "it has 10 test patients, predicted once, and 30 others, on whom models were fitted." in text
    assert "Its validation part served" in text
    assert "AUC was taken over all test samples." in text
    assert not re.search(r"\b[Ff]olds?\b", text.partition("## References")[0])
    path = writer.folder / "samples.parquet"
    split = np.array(["val", "train", "train", "test"])[writer.fold[0][writer.of_patient]]
    pd.read_parquet(path).assign(split=split).to_parquet(path)
    validation = int((writer.fold[0] == 0).sum())
    held = f"{validation} patients for validation, and {30 - validation} others, on whom models were fitted."
    assert f"10 test patients, predicted once, {held}" in methods(complete(writer))


def test_what_the_folder_does_not_know_is_left_to_the_authors(new_run):
    writer = new_run(patients_known=False, dataset="rsna (phantom-rsna)")
    writer.add(writer.signal, encoders="bright_half(power=2)", heads="svc")
    text = methods(complete(writer, sessions=[]))
    assert "by their name a phantom" in text
    assert "richards2024" not in text
    assert "`bright_half`, power = 2 [AUTHORS:" in text
    assert "each sample was counted as a patient" in text
    assert "[AUTHORS: software, hardware and time" in text


def test_unfinished_cells_are_named(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    writer.add(heads="knn", status="failed", reason="no `memory`\nleft")
    for head in ("mlp", "lightgbm"):
        writer.add(heads=head, status="refused", reason="needs masks")
    writer.add(heads="xgboost", status="to do")
    assert (
        "1 of 5 cells were completed. 1 failed: `no 'memory' left` (1 cell). 2 were refused, since they cannot be "
        "computed: `needs masks` (2 cells). 1 was not computed. "
    ) in methods(complete(writer))


def test_a_folder_without_provenance_is_refused(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run = complete(writer)
    (run.folder / "provenance.json").unlink()
    with pytest.raises(ResultsError, match=r"provenance\.json"):
        methods(run)


def test_a_folder_that_describes_no_plug_ins_is_refused_with_the_way_out(new_run):
    writer = new_run()
    writer.add(writer.signal, heads="svc")
    run = complete(writer)
    (run.folder / "plugins.json").unlink()
    with pytest.raises(ResultsError, match=r"has no plugins\.json.*run the grid again"):
        methods(run)


def test_a_folder_that_does_not_name_its_axes_is_refused_with_the_way_out(new_run):
    writer = new_run()
    writer.about["axes"] = []
    writer.add(writer.signal, heads="svc")
    with pytest.raises(ResultsError, match=r"run\.json does not name the axes: run the grid again"):
        methods(complete(writer))
