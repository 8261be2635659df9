"""The external test of a run: every cell is fitted once on all patients and scored once on a second dataset.

It is a run of its own in the folder `external`: the two datasets are joined, and one fold trains on all of the first
and predicts the second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.grid.cells import Step, is_floor
from bench.plan import clinical, identity
from bench.plan.aligned import in_columns_of
from bench.plan.errors import PlanError
from bench.plan.flow import flow
from bench.plan.joined import JoinedData
from bench.plan.known import FoundCopy, Known, kept_note
from bench.plan.labels import choose
from bench.plan.plan import Plan
from bench.plan.read_alike import read_external
from bench.plan.references import ALL, Fold, PlannedCell, View, for_use
from bench.run import facts
from bench.run.compute import compute
from bench.run.files import replace_file, write_json
from bench.run.ledger import note_use
from bench.run.progress import Progress
from bench.run.record import Record
from bench.run.scored import external_protocol
from bench.run.second_dataset import check_fits, class_notes
from bench.run.state import State
from bench.tasks.reading import make_crops
from bench.tasks.scans import learnt_from, scan_digests, scan_looks
from bench.tasks.store import Store
from data.base import Dataset, exclusions
from data.files.whole import mark, remove_folder

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "external"


@dataclass(frozen=True, eq=False)
class ExternalTest:
    """A second dataset that fits the grid, without patients of the first.

    Args:
        data: The dataset with its fields.
        plan: The plan of the joined data.
        view: Its labels, with the fold that trains on the first dataset.
        scans: The digests of the scans of each study of the second dataset, by its name there.
        left_out: The number of patients who were left out, since they are in the first dataset.
        kept_alike: The number of those who were kept though a scan looks like one of the first dataset.
        compared_ids: Whether these were also looked for by their ids.
        lacking: Columns of the first dataset that the second lacks.
        notes: For each target sentences about labels that do not match.
    """

    data: Step
    plan: Plan
    view: View
    scans: dict[str, tuple[str, ...]]
    left_out: int
    kept_alike: int
    compared_ids: bool
    lacking: frozenset[str]
    notes: dict[str, list[str]]

    def cell(self, planned: PlannedCell) -> PlannedCell:
        """The cell of the run on the joined data."""
        found = self.plan.plan_cell(planned.cell, self.view)
        found.fits[0].filling = ""  # how well a step fills is rated in cross-validation
        if found.refused:
            return found
        if lost := sorted(self.lacking.intersection(self.plan.keys.table_columns(planned.cell))):
            found.refused = f"the table step reads {', '.join(lost)}, which the external dataset does not have"
        elif not len(found.fits[0].rows.test):
            target = planned.cell.target
            found.refused = f"no sample of the external dataset has a label of {target} and a scan that the cell reads"
        return found


def open_external(
    plan: Plan, cells: Sequence[PlannedCell], store: Store, *, jobs: int, progress: Progress
) -> ExternalTest | None:
    """The external test of a plan, checked before anything is computed; None if the grid names no second dataset.

    Raises:
        PlanError: The dataset does not fit the grid.
        DataError: It can't be read.
        KnownPatientError: Some of its patients are in the first dataset.
    """
    data = plan.grid.external
    if data is None:
        return None
    alike = read_external(plan)
    other: Dataset = alike.step.load("data")
    if alike.columns:
        progress.note(alike.columns)
    others = other.samples()
    check_fits(plan, data, other, others)
    sequences = dict.fromkeys(part.name for step in plan.grid.axes["sequences"] for part in step.each)
    studies = list(dict.fromkeys(others["study"].astype(str)))
    here = [name for name in sequences if name in other.sequences]
    scans = dict(scan_digests(other, studies, here, store, jobs=jobs, progress=progress))
    ids = plan.dataset.patients_known and other.patients_known and plan.grid.protocol.external_ids == "shared"
    looks = scan_looks(other, studies, here, store, jobs=jobs, progress=progress)
    known, kept = _known(plan, cells, others, scans, looks, store, jobs=jobs, progress=progress, compare_ids=ids)
    for line in kept_note(kept, named=True):
        progress.note(line)
    every, others = others, others[~others["patient"].astype(str).isin(known.patients)]
    if others.empty:
        raise PlanError(f"all patients of {data.label()} are in {plan.grid.data.label()}: none is left", "external")
    columns = [name for name in plan.dataset.clinical if name in plan.samples and name in others]
    learnt = clinical.values(plan.samples, columns)
    others, spelt = clinical.as_learnt(learnt, others)
    table, unknown, respelt = in_columns_of(plan.dataset, other, plan.samples, others)
    fault, odd = clinical.misread(learnt, others)
    if fault:
        raise PlanError(f"{data.label()}: {fault}", "external")
    joined = JoinedData(
        plan.dataset,
        other,
        plan.samples,
        table,
        parts=[_reads(one) for one in (plan.dataset, other)],
        own_ids=plan.grid.protocol.external_ids == "own",
        place=str(getattr(other, other.source, "")) if other.source else "",
    )
    # Copies across the two datasets were looked for above; those inside the first are a matter of cross-validation.
    protocol = replace(plan.grid.protocol, split="official", repeats=1, near_duplicates="allow")
    grid = replace(plan.grid, data=data, protocol=protocol, external=None, compare=())
    joined_plan = Plan(grid, store, joined)
    tested = (joined_plan.samples["split"] == "test").to_numpy()
    view = View(joined_plan.view.labels, [Fold(0, ALL, ~tested, tested)])
    lacking = frozenset(str(c) for c in plan.samples if c not in others and c not in _labels(plan.dataset))
    about = [*alike.notes, *spelt, *odd, *kept_note(kept, named=False)]
    had = in_columns_of(plan.dataset, other, plan.samples, every)[0]
    targets = plan.dataset.targets()
    labelled = {one.name: choose(targets, had, one.name, one.merge) for one in plan.grid.targets}
    of_classes = class_notes(view, tested, unknown, respelt, labelled)
    notes = {name: [*found, *about] for name, found in of_classes}
    return ExternalTest(data, joined_plan, view, scans, len(known.patients), len(kept), ids, lacking, notes)


def run_external(
    test: ExternalTest,
    done: Sequence[PlannedCell],
    chosen: Collection[str],
    folder: Path,
    store: Store,
    *,
    fitted_on: Plan,
    numbers: Mapping[str, int],
    device: str,
    jobs: int,
    progress: Progress,
    stages: dict[str, float],
    begun: Callable[[str], None],
) -> State:
    """Scores the cells that are done in cross-validation, and notes the use of the dataset in the ledger.

    Args:
        test: The external test.
        done: These cells of the run, with floors.
        chosen: The keys of those that are to be computed; the others stay as they are.
        folder: The run folder.
        store: Where results and the ledger go.
        fitted_on: The plan of the run.
        numbers: The number of each cell of the run by its key.
        device: `"auto"`, `"cpu"` or `"cuda"`.
        jobs: How many tasks run at a time.
        progress: Shows the work.
        stages: The seconds that each kind of work took.
        begun: Is called with the device when the first step is done.
    """
    plan, place = test.plan, folder / FOLDER
    if any(plan.crops(ref) is None for ref in plan.crops_refs()):
        make_crops(plan, store, jobs=jobs, progress=progress)
    excluded = _excluded(plan, test)
    plan.leave_out_like(fitted_on)
    cells = {one.key: test.cell(one) for one in done}
    own_numbers = {one.key: numbers[key] for key, one in cells.items()}
    mark(place)
    tested = plan.samples[plan.samples["split"] == "test"]
    replace_file(place / "samples.parquet", lambda to: tested.to_parquet(to))
    replace_file(place / "excluded.csv", lambda to: excluded.to_csv(to, index=False))
    counted = (plan.samples["split"] == "test").to_numpy()
    write_json(place / facts.FLOW, flow(plan, list(cells.values()), counted))
    record = Record(place, plan, store, own_numbers)
    state = State(list(cells.values()), record, store, progress)
    todo = [one for key, one in cells.items() if key in chosen and not one.refused]
    progress.stage = "external test"
    compute(plan, store, todo, state, device=device, jobs=jobs, progress=progress, stages=stages, begun=begun)
    progress.stage = ""
    record.sweep(list(cells.values()), ())
    finished = state.finished()
    # The ledger knows a cell by the key that it has as a model for use, which names the second dataset nowhere.
    whole = for_use(fitted_on.view)
    own = [fitted_on.plan_cell(one.cell, whole).key for one in finished if not is_floor(one.cell)]
    scored = np.zeros(len(plan.ids), dtype=bool)
    for one in finished:
        scored[one.fits[0].rows.test] = True
    studies = set(plan.samples["study"].astype(str)[scored])
    assert isinstance(plan.dataset, JoinedData)
    digests = {digest for study in studies for digest in test.scans[plan.dataset.study_of[study]]}
    name = facts.source(test.data, plan.dataset)
    uses = (0, 0)
    if own:
        found = note_use(store.folder, digests, own, f"run {plan.grid.name}", name)
        uses = found.before, found.overlapping
    external = external_protocol(
        fitted_on=facts.source(fitted_on.grid.data, fitted_on.dataset),
        patients={one.key: len(set(plan.patients[one.fits[0].rows.train].tolist())) for one in finished},
        uses=uses,
        left_out=test.left_out,
        kept_alike=test.kept_alike,
        compared_ids=test.compared_ids,
        notes=test.notes,
        cross_validated={},
    )
    facts.write_about(place, plan, n_excluded=len(excluded), null=(0, None), redrawn={}, external=external)
    state.save()
    state.failures = [(one, f"external test: {why}") for one, why in state.failures]
    return state


def remove_external(folder: Path) -> None:
    """Removes the external test of a run whose grid no longer names one."""
    remove_folder(folder / FOLDER, facts.ABOUT)


def _known(
    plan: Plan,
    cells: Sequence[PlannedCell],
    others: pd.DataFrame,
    scans: Mapping[str, tuple[str, ...]],
    looks: Mapping[str, tuple[str, ...]],
    store: Store,
    *,
    jobs: int,
    progress: Progress,
    compare_ids: bool,
) -> tuple[Known, tuple[FoundCopy, ...]]:
    """The patients of the second dataset who are, or may be, in the first; and those who stay though a scan looks so.

    Raises:
        KnownPatientError: There are some to leave out, and the protocol does not say so.
    """
    protocol = plan.grid.protocol
    usable = [one for one in cells if not one.refused]
    learnt = learnt_from(plan, usable, store, jobs=jobs, progress=progress)
    patient_of = dict(zip(others["study"].astype(str), others["patient"].astype(str), strict=True))
    found = learnt.known(patient_of, scans, looks, compare_ids=compare_ids)
    known, kept = found.allowing(protocol.near_duplicates == "allow")
    if protocol.external_known == "refuse":
        known.refuse(
            len(set(patient_of.values())),
            exclude="protocol.external_known: exclude",
            own_ids="protocol.external_ids: own",
            allow="protocol.near_duplicates: allow",
        )
    return known, kept


def _reads(dataset: Dataset) -> Any:
    """What decides how a dataset reads scans."""
    fields = {name: getattr(dataset, name) for name in dataset.reading_fields}
    return [identity.code(type(dataset).__module__), fields]


def _labels(dataset: Dataset) -> set[str]:
    return {target.column for target in dataset.targets()} | {"split"}


def _excluded(plan: Plan, test: ExternalTest) -> pd.DataFrame:
    """What was left out of the second dataset."""
    import pandas as pd

    assert isinstance(plan.dataset, JoinedData)
    tested = set(plan.samples.index[plan.samples["split"] == "test"])
    mine = pd.concat([plan.read_faults(), plan.check_images()], ignore_index=True)
    mine = mine[mine["sample"].isin(tested)]
    known = [(f"{test.left_out} patients", "", "", "they are also in the training data")] if test.left_out else []
    return pd.concat([plan.dataset.left_out(), mine, exclusions(known)], ignore_index=True)
