"""`make speed`: one table of ratios, measured in one run on this machine.

It shows ratios instead of seconds, since machines differ; both parts of a ratio are measured close together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from tabulate import tabulate  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CORES = len(os.sched_getaffinity(0))
PATIENTS = 40


def main() -> None:
    """Measures everything and prints the table."""
    from data.phantom import write_phantom

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SCANGRID_SPEED_DATA"] = str(folder / "phantom")
        write_phantom(folder / "phantom", patients=PATIENTS, sequences=("t2",))
        for measure in (
            bootstrap,
            joint_bootstrap,
            embedding,
            grid_against_floor,
            notebook,
            grid_search,
            memory,
            memory_of_tokens,
        ):
            print(f"measuring: {measure.__name__.replace('_', ' ')} ...", file=sys.stderr, flush=True)
            rows += measure(folder)
    print(tabulate(rows, headers=["what", "measured", "wanted"], tablefmt="github"))


def bootstrap(folder: Path) -> list[tuple[str, str, str]]:
    """2,000 resamples of accuracy, macro F1 and macro AUC, against scikit-learn on the duplicated rows."""
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    from results.statistics.bootstrap import PatientBootstrap, PredictedRows
    from results.statistics.metrics import METRICS

    rng = np.random.default_rng(0)
    n, patients, classes = 10_000, 1_000, 3
    patient = np.repeat(np.arange(patients), n // patients)
    y = rng.integers(classes, size=n)
    P = rng.dirichlet(np.ones(classes), size=n).round(3)
    P[np.arange(n), y] += 0.2
    P = (P / P.sum(axis=1, keepdims=True)).round(3)
    fold = patient % 5
    rows = PredictedRows(y=y, patient=patient, repeat=np.zeros(n, dtype=np.int64), fold=fold, n_classes=classes)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        boot = PatientBootstrap(patients, resamples=2000, seed=1)
        draws = {m: boot.draws(METRICS[m], rows, P) for m in ("accuracy", "f1", "auc")}
        seconds.append(time.perf_counter() - start)
    worst = 0.0
    for b in range(3):
        copies = np.repeat(np.arange(n), boot.counts[b][patient].astype(int))
        worst = max(worst, abs(draws["accuracy"][b] - accuracy_score(y[copies], P[copies].argmax(axis=1))))
        worst = max(worst, abs(draws["f1"][b] - f1_score(y[copies], P[copies].argmax(axis=1), average="macro")))
        aucs = []
        for c in range(classes):
            found = []
            for f in range(5):
                inside = copies[fold[copies] == f]
                positive = y[inside] == c
                found.append((roc_auc_score(positive, P[inside, c]), positive.sum() * (~positive).sum()))
            aucs.append(np.average([a for a, _ in found], weights=[w for _, w in found]))
        worst = max(worst, abs(draws["auc"][b] - np.mean(aucs)))
    return [
        ("bootstrap of accuracy, F1, AUC: 2,000 x 10,000 samples", f"{min(seconds):.2f} s", "< 0.5 s"),
        ("its largest difference from scikit-learn", f"{worst:.0e}", "< 1e-9"),
    ]


def joint_bootstrap(folder: Path) -> list[tuple[str, str, str]]:
    """Every metric of 200 cells in the same 2,000 resamples: 10,000 samples of 1,000 patients, two classes, 5 folds."""
    from results.statistics.bootstrap import PatientBootstrap, PredictedRows
    from results.statistics.metrics import METRICS

    rng = np.random.default_rng(0)
    n, patients, cells = 10_000, 1_000, 200
    patient = np.repeat(np.arange(patients), n // patients)
    y = (rng.random(n) < 0.3).astype(np.int64)
    rows = PredictedRows(patient, np.zeros(n, dtype=np.int64), patient % 5, y, 2, np.tile(np.arange(5), n // 5))
    start = time.perf_counter()
    boot = PatientBootstrap(patients, resamples=2000, seed=1)
    for _ in range(cells):
        score = (rng.random(n) + 0.3 * y) / 1.3
        P = np.column_stack([1 - score, score])
        for metric in METRICS.values():
            boot.draws(metric, rows, P)
    seconds = time.perf_counter() - start
    return [("bootstrap of 12 metrics of 200 cells: 2,000 x 10,000 samples", f"{seconds:.0f} s", "< 240 s")]


def embedding(folder: Path) -> list[tuple[str, str, str]]:
    """Images per second of the embedding stage, against the same network on a ready tensor."""
    import torch

    from bench.stages.tokens import encode
    from data.phantom import example_discs
    from encoders.efficientnet_lite0 import EfficientnetLite0

    torch.set_num_threads(CORES)
    images, _, _ = example_discs(96, slices=3, size=96)
    images = [scaled(image) for image in images]
    slices = np.array([len(image.pixels) for image in images])
    fitted = EfficientnetLite0(size=160).fit([], None, groups=np.zeros(0, dtype=str), seed=0, device="cpu")
    ready = torch.rand(int(slices.sum()), 1, 160, 160).to(memory_format=torch.channels_last)
    stage, bare = [], []
    for turn in range(4):
        target = folder / f"tokens{turn}"
        target.mkdir()
        start = time.perf_counter()
        encode(fitted, images, slices, target, lambda count: None)
        stage.append(time.perf_counter() - start)
        start = time.perf_counter()
        with torch.inference_mode():
            for first in range(0, len(ready), fitted.batch):
                fitted.network(ready[first : first + fitted.batch]).numpy()
        bare.append(time.perf_counter() - start)
    rate = len(ready) / min(stage)
    return [
        (f"embedding against a bare loop ({rate:.0f} images/s)", f"{min(bare) / min(stage):.2f}", ">= 0.9"),
    ]


def scaled(image):
    """An image with pixels between 0 and 1."""
    from dataclasses import replace

    low, high = image.pixels.min(), image.pixels.max()
    return replace(image, pixels=((image.pixels - low) / (high - low)).astype(np.float32))


def run(folder: Path, name: str, jobs: int) -> float:
    """Runs the grid as a user does, from an empty store; returns the seconds of the whole command."""
    words = [sys.executable, "run_benchmark.py", "run", "grids/speed.yaml", "--device", "cpu", "--jobs", str(jobs)]
    start = time.perf_counter()
    subprocess.run(
        [*words, "--runs", folder / f"runs {name}", "--store", folder / f"store {name}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def grid_against_floor(folder: Path) -> list[tuple[str, str, str]]:
    """The grid against the sum of its distinct steps over the cores; each step is measured while nothing else runs."""
    alone = run(folder, "alone", 1)
    seconds = run(folder, "cores", CORES)
    work = sum(step_seconds(folder / "store alone").values())
    folder.joinpath("grid seconds").write_text(str(seconds))
    floor = work / CORES
    return [
        (
            f"grid ({seconds:.0f} s) against its steps over {CORES} cores ({floor:.0f} s)",
            f"{seconds / floor:.2f}",
            "<= 1.15",
        ),
        ("grid on one core against on all", f"{alone / seconds:.2f}", ""),
    ]


def step_seconds(store: Path) -> dict[str, float]:
    """Core seconds of the steps in a store, by kind."""
    found = {}
    for kind in ("crops", "networks", "tokens", "fits"):
        notes = [json.loads(p.read_text()) for p in store.glob(f"{kind}/*/made_by.json")]
        found[kind] = sum(note["seconds"] for note in notes)
    return found


def notebook(folder: Path) -> list[tuple[str, str, str]]:
    """Everything again for each combination and fold, as copied notebooks do; ten cells timed."""
    from bench.grid.file import read_grid
    from bench.plan.plan import Plan
    from bench.tasks.store import Store

    store = Store(folder / "store cores")
    plan = Plan(read_grid(ROOT / "grids" / "speed.yaml"), store)
    cells = [c for c in plan.cells() if c.fits[0].tokens]
    chosen = [(cells[i], cells[i].fits[i % len(cells[i].fits)]) for i in np.linspace(0, len(cells) - 1, 10).astype(int)]
    seconds, worst = [], 0.0
    for planned, fit in chosen:
        start = time.perf_counter()
        p = by_hand(plan, planned, fit)
        seconds.append(time.perf_counter() - start)
        stored = np.load(store.find("fits", fit.key) / "probabilities.npy")
        worst = max(worst, abs(p - stored).max())
    fits = sum(len(c.fits) for c in cells)
    whole = float(np.mean(seconds)) * fits
    grid = float(folder.joinpath("grid seconds").read_text())
    return [
        (f"the notebook way for {fits} fits against the grid", f"{whole / grid:.0f} x slower", ">= 15 x"),
        ("its largest difference of a probability", f"{worst:.0e}", "< 1e-6"),
    ]


def by_hand(plan, planned, fit):
    """One cell and fold with nothing kept: reads, processes, crops, embeds, scales, resamples, fits and predicts."""
    import torch

    from bench.plan import identity
    from data.geometry.crop import crop
    from heads.base import TrainingSet

    torch.set_num_threads(CORES)
    keys, cell = plan.keys, planned.cell
    region, head = keys.plugin("regions", cell["regions"]), keys.plugin("heads", cell["heads"])
    step, encoder = keys.plugin("images", cell["images"]), keys.plugin("encoders", cell["encoders"])
    images = []
    for _, sample in plan.samples.iterrows():
        scan = plan.dataset.load(sample["study"], "t2")
        box = region.locate(scan, sample)
        processed = step(scan)
        images.append(crop(processed, box))
    seed = plan.grid.protocol.seed
    nobody = np.zeros(0, dtype=str)
    fitted = encoder.fit([], None, groups=nobody, seed=identity.seed(seed, "encoder"), device="cpu")
    X = np.stack([tokens.mean(axis=0) for tokens in fitted.encode(images)])
    train, test = fit.rows.train, fit.rows.test
    mean, sd = X[train].mean(axis=0, dtype=np.float64), X[train].std(axis=0, dtype=np.float64)
    constant = sd <= 1e-7 * np.abs(mean)
    X = (X - mean.astype(np.float32)) * np.where(constant, 0, 1 / np.where(constant, 1, sd)).astype(np.float32)
    y = planned.view.labels[cell.target].y
    fold = fit.fold
    balance = keys.plugin("balance", cell["balance"])
    balance_seed = identity.seed(seed, "balance", fold.repeat, fold.number)
    training = TrainingSet(X[train], y[train], plan.patients[train], 2, balance, balance_seed)
    fit_seed = identity.seed(seed, "fit", fold.repeat, fold.number)
    return head.fit(training, seed=fit_seed, threads=1, device="cpu").predict_proba(X[test])


def grid_search(folder: Path) -> list[tuple[str, str, str]]:
    """scikit-learn's GridSearchCV over a cached Pipeline with the same steps and cells; one of ten repeats is timed."""
    script = "import tests.studies.speed_grid_search as s, sys; print(s.seconds(sys.argv[1], int(sys.argv[2]), 1))"
    words = [sys.executable, "-c", script, str(folder), str(CORES)]
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    theirs = 10 * float(done.stdout.split()[-1])
    grid = float(folder.joinpath("grid seconds").read_text())
    return [("GridSearchCV with a cached Pipeline against the grid", f"{theirs / grid:.1f} x slower", ">= 2 x")]


def memory(folder: Path) -> list[tuple[str, str, str]]:
    """Peak memory of reading and embedding 2,000 studies against 200."""
    peaks = {}
    for studies in (200, 2000):
        words = [sys.executable, "-m", "tests.studies.speed_memory", str(folder / f"{studies} studies"), str(studies)]
        done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
        peaks[studies] = float(done.stdout.split()[-1])
    ratio = peaks[2000] / peaks[200]
    shown = f"memory at 2,000 studies ({peaks[2000]:.0f} MiB) against 200 ({peaks[200]:.0f} MiB)"
    return [(shown, f"{ratio:.2f}", "<= 1.1")]


def memory_of_tokens(folder: Path) -> list[tuple[str, str, str]]:
    """Peak memory of fusing 50,000 samples x 3 sequences x 5 slices x 2048 features and fitting on them."""
    rows = []
    for fusion in ("mean", "concat", "attention"):
        words = [sys.executable, "-m", "tests.studies.speed_tokens", fusion]
        done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
        peak = float(done.stdout.split()[-1]) / 1024
        rows.append((f"memory, {fusion} of 50,000 x 3 x 5 x 2048 tokens", f"{peak:.1f} GiB", "< 4 GiB"))
    return rows


if __name__ == "__main__":
    main()
