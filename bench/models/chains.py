"""Fits all that turns a cell's tokens into probabilities, for a model that is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.grid.cells import NONE
from bench.plan import identity
from bench.plan.plan import Plan
from bench.plan.references import Fit, PlannedCell
from bench.stages import features
from bench.stages.chain import Chain, EncoderChain
from bench.stages.fits import fit_heads
from bench.tasks.work import Work


def fit_chain(plan: Plan, work: Work, planned: PlannedCell, fit: Fit, *, device: str) -> Chain:
    """The chain of a cell on the training rows of a fold, whose tokens and fusions are in the store.

    Args:
        plan: The plan.
        work: The work that made them.
        planned: The cell.
        fit: What the cell fits in the fold.
        device: Where torch and XGBoost compute.

    Raises:
        RuntimeError: The chain gives other features for the training rows than the head was fitted on.
    """
    cell, protocol, fold, train = planned.cell, plan.grid.protocol, fit.fold, fit.rows.train
    head = plan.keys.plugin("heads", cell["heads"])
    branches = work.heads.branches(planned, fit, work.heads.embedding_key(planned))
    training = [work.heads.training(planned, fit, one) for one in branches]
    seed = identity.seed(protocol.seed, "fit", fold.repeat, fold.number)
    heads = fit_heads(head, training, [True] * len(branches), seed=seed, threads=1, device=device)
    chain = Chain(tuple(_encoders(plan, work, planned, fit, device)), None, (), heads)
    tokens = [work.fuse.stored(planned, refs) for refs in fit.tokens]
    fused = chain.fused(tokens, work.fuse.own(planned, fit))
    columns = plan.samples[plan.keys.table_columns(cell)]
    if head.reads_embedding:
        seed = identity.seed(protocol.seed, "table", fold.repeat, fold.number)
        table = features.fitted_table(plan.keys.plugin("tables", cell["tables"]), columns, train, seed=seed)
        X = features.table_features(table, columns)
        scales = [
            features.Scale.of(features.join_table(vectors, X), train[present[train]])
            for vectors, present in zip(fused.vectors, fused.present, strict=True)
        ]
        chain = replace(chain, table=table, scales=tuple(scales))
    read, _ = chain.inputs(fused, columns)
    for branch, X in zip(branches, read, strict=True):
        rows = train[branch.present[train]]
        if not np.allclose(branch.X[rows], X[rows], rtol=1e-4, atol=1e-4):
            raise RuntimeError("a fitted chain gives other features for its training rows than its head was fitted on")
    return chain


def _encoders(plan: Plan, work: Work, planned: PlannedCell, fit: Fit, device: str) -> list[EncoderChain]:
    """What each encoder's tokens go through, learnt on the training rows; a trained fusion comes from the store."""
    cell, train, groups = planned.cell, fit.rows.train, plan.groups
    missing = None if cell["missing"] == NONE else plan.keys.plugin("missing", cell["missing"])
    fusion = plan.keys.plugin("fusion", cell["fusion"])
    classes, seed = len(planned.view.labels[cell.target].classes), work.fuse.seed(fit)
    found = []
    everyone = np.arange(len(plan.ids))
    for i, (tokens, measured, projections) in enumerate(work.fuse.tokens(planned, fit, everyone, train)):
        filler: Any = None
        if fusion.uses_filled:
            filler = features.fitted_filler(tokens, missing, train, groups, seed=seed)
        if fit.fused is None:
            filled = features.filled(tokens, filler, fusion.uses_filled)[train]
            training = [one.take(train) for one in tokens]
            where: dict[str, Any] = {"groups": groups[train], "seed": seed, "device": device}
            fuser = fusion.fit(training, filled, None, classes=classes, **where)
        else:
            fuser = fusion.load(work.fuse.entry(fit.fused.key) / f"encoder_{i}", device=device)
        fitted = features.FilledFusion(filler, fuser, fusion.uses_filled)
        found.append(EncoderChain(measured, tuple(projections), fitted))
    return found
