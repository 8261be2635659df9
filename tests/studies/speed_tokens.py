"""Fuses the tokens of 50,000 samples x 3 sequences x 5 slices x 2048 features and prints the peak memory, MiB.

This is what a fit of the grid does: tokens are memory-mapped, fused by a fusion that is fitted on 40,000 training
samples, standardised, and given to a head. One epoch is trained, since memory does not grow with epochs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

SAMPLES, SEQUENCES, SLICES, FEATURES = 50_000, 3, 5, 2048


def write_tokens(folder: Path, samples: int) -> None:
    """Writes random tokens of every sequence, as the store holds them; a tenth of the samples lack each sequence."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((500, SLICES, FEATURES), dtype=np.float32)
    for sequence in range(SEQUENCES):
        shape = (samples, SLICES, FEATURES)
        entry = folder / str(sequence)
        entry.mkdir()
        with (entry / "values.npy").open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, samples, len(block)):
                file.write(np.roll(block, sequence + start)[: samples - start].tobytes())
        np.save(entry / "present.npy", np.ones((samples, SLICES), dtype=bool))


def main(fusion_name: str, samples: int) -> None:
    """Prints the peak of the process."""
    from bench.plugins import load
    from bench.run.provenance import peak_memory_mib
    from bench.stages import features, fits, tokens
    from encoders.networks.torch_base import prepare_process
    from heads.base import TrainingSet

    prepare_process()
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=samples)
    groups = np.array([f"p{i // 25}" for i in range(samples)])
    train = np.flatnonzero(np.arange(samples) % 5 > 0)
    with tempfile.TemporaryDirectory() as scratch:
        write_tokens(Path(scratch), samples)
        found = []
        for sequence in range(SEQUENCES):
            rows = np.where(rng.random(samples) < 0.1, -1, np.arange(samples))
            found.append(tokens.read(Path(scratch) / str(sequence), rows))
        options = {"epochs": 1} if fusion_name == "attention" else {}
        fusion, missing = load("fusion", fusion_name, **options), load("missing", "mean")
        labels = y[train] if fusion.learns == "labels" else None
        where = {"classes": 3, "seed": 0, "device": "cpu"}
        fused, _ = features.fuse(found, missing, fusion, train, labels, groups, **where)
        if fused.probabilities is None:
            X = features.standardise(fused.vectors[0], train)
            del fused
            training = TrainingSet(X[train], y[train], groups[train], 3)
            there = np.ones((1, samples - len(train)), dtype=bool)
            test = np.setdiff1d(np.arange(samples), train)
            head = load("heads", "logistic")
            fits.fit_and_predict(head, [training], [X[test]], there, seed=0, threads=1, device="cpu")
    print(peak_memory_mib())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SAMPLES)
