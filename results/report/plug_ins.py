"""The plug-ins of a run as the report shows them."""

from __future__ import annotations

from dataclasses import dataclass

from results.plug_ins import FILE, PlugIns, UsedPlugIn, read_plug_ins, shown
from results.run_folder import Run


@dataclass(frozen=True)
class PlugInRow:
    """One plug-in, every value as text."""

    kind: str
    label: str
    what: str
    learns: str
    fields: str
    packages: str
    cites: str


@dataclass(frozen=True)
class PlugInTable:
    """All plug-ins of a run, and the BibTeX of their references."""

    rows: list[PlugInRow]
    bibtex: str


def plug_in_table(run: Run) -> PlugInTable | None:
    """The plug-ins of a run; None for a run folder of an earlier version, which does not describe them.

    Raises:
        ResultsError: `plugins.json` does not hold what it should.
    """
    if not (run.folder / FILE).exists():
        return None
    found = read_plug_ins(run.folder)
    keys = sorted({key for one in found.used for key in one.cites})
    return PlugInTable([_row(one, found) for one in found.used], "\n\n".join(found.references[key] for key in keys))


def _row(one: UsedPlugIn, found: PlugIns) -> PlugInRow:
    words = one.words or one.summary
    weights = {"": "", "file": "weights from a file"}.get(one.weights, f"{one.weights} weights")
    licence = f"{weights} ({one.licence})" if one.licence else weights
    states = [licence, "stops early on held-out patients" if one.stops_early else ""]
    states += ["projected inside each fit" if one.projected else "", "averages several models" if one.averages else ""]
    return PlugInRow(
        kind=one.kind,
        label=one.label,
        what="; ".join(text for text in (words, *states) if text),
        learns=one.learns,
        fields=", ".join(f"{name} = {shown(value)}" for name, value in one.fields.items()),
        packages=", ".join(found.packages[name][0] for name in one.packages),
        cites=", ".join(one.cites),
    )
