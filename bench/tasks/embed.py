"""Makes tokens from crops, by an encoder that is built, or trained on the training patients of a fold."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import TokensRef
from bench.stages.crop_files import Crops, Subset
from bench.tasks.local import Watcher
from bench.tasks.notes import keep_artifacts, made_by
from bench.tasks.store import Store
from data.base import Float32
from encoders.base import Encoder, FittedClassifier, FittedDecoder, FittedEncoder, Tokens

MOST_PARTS = 256  # a 3D encoder may give more tokens, each for a part of the depth, than a crop has slices


class Embed:
    """Writes the tokens of a plan to the store and reads them back; keeps the last frozen network.

    Args:
        plan: The plan; its crops are in the store.
        store: Where tokens and trained networks go.
        device: `"cpu"` or `"cuda"`.
        progress: Counts images.
    """

    def __init__(self, plan: Plan, store: Store, *, device: str, progress: Watcher) -> None:
        self._plan = plan
        self._store = store
        self._device = device
        self._progress = progress
        self._encoder: tuple[Any, FittedEncoder] | None = None

    def write(self, ref: TokensRef, name: str) -> None:
        """Makes the tokens of one reference."""
        crops = self._store.crops(ref.crops.key, pixels=True)
        if crops is None:
            raise RuntimeError(f"the crops of {name} are no longer in the store: run again")
        if len(crops) == 0:
            if ref.crops.network:
                where = f"{ref.crops.region.label()} finds no sample in {ref.crops.sequence}"
                raise ValueError(f"{where} in this fold: see not_found.csv")
            raise ValueError(f"no image of {ref.crops.sequence} can be used: see excluded.csv")
        from bench.stages import tokens

        start = time.perf_counter()
        fitted = self._network(ref, crops)
        self._progress.begin_images(name, len(crops))
        measures = self._plan.keys.plugin("encoders", ref.encoder).measures
        most = np.maximum(crops.shapes[:, 0], MOST_PARTS)
        with self._store.filling("tokens", [ref.key]) as (draft,):
            tokens.encode(fitted, crops, most, draft, self._progress.images, measures=measures)
            note = made_by("tokens", ref, device=self._device, amount=len(crops), seconds=time.perf_counter() - start)
            self._store.commit(draft, note)

    def read(self, ref: TokensRef, present: NDArray[np.bool_]) -> Tokens:
        """The tokens of all samples, with memory-mapped values; absent for samples that are not `present` `(N,)`."""
        from bench.stages import tokens

        folder = self._store.find("tokens", ref.key)
        if folder is None:
            raise RuntimeError(f"the tokens of {ref.encoder.label()} are no longer in the store: run again")
        return tokens.read(folder, np.where(present, self._plan.rows(ref.crops), -1))

    def log_probabilities(self, ref: TokensRef, vectors: Float32) -> Float32:
        """What an encoder trained with labels gives vectors `(n, F)`, `(n, K)`."""
        plugin: Encoder = self._plan.keys.plugin("encoders", ref.encoder).frozen()
        folder = self._store.find("networks", ref.network)
        if folder is None:
            raise RuntimeError(f"the network of {ref.encoder.label()} is no longer in the store: run again")
        return cast(FittedClassifier, plugin.load(folder, device=self._device)).log_probabilities(vectors)

    def _network(self, ref: TokensRef, crops: Crops) -> FittedEncoder:
        """The encoder, ready to encode: built, or trained on the training patients of its fold and kept."""
        plugin: Encoder = self._plan.keys.plugin("encoders", ref.encoder).frozen()
        seed = identity.seed(self._plan.grid.protocol.seed, "encoder")
        nobody = np.zeros(0, dtype=str)
        if ref.fold is None:
            if self._encoder is None or self._encoder[0] != plugin:
                self._encoder = None
                self._encoder = (plugin, plugin.fit([], None, groups=nobody, seed=seed, device=self._device))
            return self._encoder[1]
        folder = self._store.find("networks", ref.network)
        if folder is not None:
            return plugin.load(folder, device=self._device)
        from bench.stages.training_crops import test_crops, training_crops

        rows = self._plan.rows(ref.crops)
        entries, samples = training_crops(rows, ref.learns_from, labelled=ref.y is not None)
        y = None if ref.y is None else ref.y[samples]
        groups = self._plan.groups[samples]
        seed = identity.seed(self._plan.grid.protocol.seed, "encoder", ref.fold.repeat, ref.fold.number)
        start = time.perf_counter()
        fitted = plugin.fit(Subset(crops, entries), y, groups=groups, seed=seed, device=self._device)
        artifacts = dict(fitted.artifacts())
        unseen = test_crops(rows, ref.fold.test)
        if plugin.rebuilds and len(unseen):
            artifacts["reconstruction"] = cast(FittedDecoder, fitted).rate(
                Subset(crops, np.unique(entries)), Subset(crops, unseen)
            )

        def save(draft: Path) -> None:
            fitted.save(draft)
            keep_artifacts(draft, artifacts)

        note = made_by("network", ref, device=self._device, amount=len(entries), seconds=time.perf_counter() - start)
        self._store.put("networks", ref.network, save, note)
        return fitted
