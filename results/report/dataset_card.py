"""The card of a dataset: classes, places and sequences, with sizes, spacings and grey values of the scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from results import ResultsError
from results.json_files import AGAIN
from results.run_folder import Predictions, Run
from results.run_tables import read_samples, read_table
from results.scores.labels import in_order

if TYPE_CHECKING:
    import pandas as pd

FILE = "fingerprint.csv"
NUMBERS = ("slices", "height", "width", "slice_mm", "height_mm", "width_mm", "p1", "median", "p99")
LENGTHS = ("slice_mm", "height_mm", "width_mm")
BINS = 12
MOST = 20


@dataclass(frozen=True)
class CardTable:
    """One table of the card: its title, the heads of its columns, and its rows as text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Histogram:
    """A small histogram: its title, the ends of its axis as text, and bars as x, y, width and height from 0 to 100."""

    title: str
    low: str
    high: str
    bars: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class DatasetCard:
    """What a run was made from.

    Args:
        patients: The number of patients.
        studies: The number of studies; 0 where each sample is its own study, or none is named.
        samples: The number of samples.
        tables: Classes by target, places, sequences.
        histograms: Of the scans.
        note: Why there is nothing about scans, or "".
    """

    patients: int
    studies: int
    samples: int
    tables: list[CardTable]
    histograms: list[Histogram]
    note: str


def dataset_card(run: Run) -> DatasetCard | None:
    """The card of a run; None for a run folder without samples.

    Raises:
        ResultsError: A table of the run folder is broken.
    """
    if not (run.folder / "samples.parquet").exists():
        return None
    samples = read_samples(run.folder)
    tables = [_classes(run), *_places(run, samples)]
    note, histograms = "", []
    if (run.folder / FILE).exists():
        scans = read_table(run.folder / FILE, {"study": str, "sequence": str} | dict.fromkeys(NUMBERS, float))
        lengths = scans[list(LENGTHS)].fillna(0.0)  # some files have none
        if not np.isfinite(scans[list(NUMBERS)].assign(**lengths)).all(axis=None):
            raise ResultsError(f"{run.folder / FILE} can't be read (a size or a grey value is no number): {AGAIN}")
        unknown = (scans["slices"] == 1) & (scans[list(LENGTHS)] == 1).all(axis=1)
        scans.loc[unknown, list(LENGTHS)] = np.nan  # an earlier version noted 1 mm for pictures
        patient = samples.groupby(samples["study"].astype(str))["patient"].first() if "study" in samples else None
        tables.append(_sequences(scans, patient))
        for name, of_sequence in scans.groupby("sequence", sort=False):
            if (heights := of_sequence["height_mm"].dropna().to_numpy()).size:
                histograms.append(_histogram(f"{name}: height of a pixel (mm)", heights))
            histograms.append(_histogram(f"{name}: median grey value", of_sequence["median"].to_numpy()))
    else:
        note = "The run folder has no sizes, spacings and grey values of scans."
    studies = samples["study"].nunique() if "study" in samples else 0
    studies = studies if studies < len(samples) else 0
    return DatasetCard(samples["patient"].nunique(), int(studies), len(samples), tables, histograms, note)


def _classes(run: Run) -> CardTable:
    """The classes of each target among the rows that its first done cell with the most samples predicts."""
    rows = []
    for target in run.targets:
        cells = [cell for cell in run.cells if cell.target == target and cell.status == "done"]
        found = [run.predictions(cell) for cell in cells if cell.floor or cell is cells[0]]
        if not found:
            continue
        largest: Predictions = max(found, key=lambda p: len(set(p.sample.tolist())))
        for k, name in enumerate(cells[0].classes):
            own = largest.y == k
            counts = [len(set(values[own].tolist())) for values in (largest.patient, largest.sample)]
            rows.append((target if k == 0 else "", name, *map(str, counts)))
    part = " of the test part" if run.protocol.get("split") == "official" else ""
    return CardTable(f"Classes{part}", ("Target", "Class", "Patients", "Samples"), tuple(rows))


def _places(run: Run, samples: pd.DataFrame) -> list[CardTable]:
    out = []
    for column in run.locations:
        if column in samples:
            groups = samples.groupby(samples[column].astype(str))["patient"].agg(["nunique", "size"])
            groups = groups.loc[in_order(groups.index)]
            rows = [(str(place), str(n), str(size)) for place, (n, size) in groups.head(MOST).iterrows()]
            more = len(groups) - len(rows)
            rows += [(f"{more} more", "", "")] if more > 0 else []
            out.append(CardTable(column.capitalize(), (column.capitalize(), "Patients", "Samples"), tuple(rows)))
    return out


def _sequences(scans: pd.DataFrame, patient: pd.Series | None) -> CardTable:
    rows = []
    for name, own in scans.groupby("sequence", sort=False):
        patients = "" if patient is None else str(own["study"].map(patient).nunique())
        texts = [_span(own[column], ".6g") for column in ("slices", "height", "width")]
        texts += [_span(own[column], ".3g") for column in LENGTHS]
        low, middle, high = (_plain(own[column].median()) for column in ("p1", "median", "p99"))
        rows.append((str(name), patients, str(len(own)), *texts, f"{middle} ({low} to {high})"))
    pixels = ("Slices", "Height (pixels)", "Width (pixels)")
    lengths = ("Slice distance (mm)", "Pixel height (mm)", "Pixel width (mm)")
    heads = ("Sequence", "Patients", "Scans", *pixels, *lengths, "Grey values")
    return CardTable(
        "Scans: median (lowest to highest); grey values: medians over scans of each scan's median (and its 1st to 99th "
        "percentile)",
        heads,
        tuple(rows),
    )


def _span(values: pd.Series, form: str) -> str:
    if values.isna().all():
        return "not in the files"
    low, middle, high = (f"{v:{form}}" for v in (values.min(), values.median(), values.max()))
    known = f", in {values.count()} of {len(values)} scans" if values.isna().any() else ""
    return (middle if low == high else f"{middle} ({low} to {high})") + known


def _plain(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, and without an exponent."""
    return np.format_float_positional(value, precision=digits, unique=False, fractional=False, trim="-")


def _histogram(title: str, values: np.ndarray) -> Histogram:
    middle, least = float(np.median(values)), 1e-6 * float(np.abs(values).max())
    ends = (middle - max(least, 0.5), middle + max(least, 0.5)) if np.ptp(values) <= least else None
    counts, edges = np.histogram(values, bins=BINS, range=ends)
    heights = 100 * counts / max(counts.max(), 1)
    step = 100 / BINS
    bars = tuple(
        (round(i * step, 2), round(100 - h, 2), round(step - 1, 2), round(h, 2)) for i, h in enumerate(heights)
    )
    return Histogram(title, _plain(edges[0], 3), _plain(edges[-1], 3), bars)
