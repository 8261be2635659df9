"""Writes all files of a diagnosis."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.files.whole import MARKER, mark, replace_file, replace_text
from results.diagnosis.findings import WARNING, Diagnosis, Finding
from results.diagnosis.grade_pictures import draw_grade_map, grade_map_caption
from results.diagnosis.overlays import GLYPHS, draw_overlay, title
from results.diagnosis.tables import table, write_csv, write_json

HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Picture:
    name: str
    title: str
    caption: str
    address: str


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> list[Path]:
    """Writes `diagnosis.json`, `diagnosis.csv`, `overlays/SEQUENCE_slice_INDEX.png` and `diagnosis.html`.

    Findings with a map get `maps/finding_NUMBER.png` too, counted from 1 in the order of the findings. The page needs
    no other file and no network. Slices without a finding are not drawn.

    Args:
        diagnosis: The diagnosis.
        folder: Made if it is not there; files of an earlier diagnosis are overwritten.

    Returns:
        The files, the page last.
    """
    pictures = folder / "overlays"
    _clear(pictures, "*_slice_*.png")
    mark(pictures)
    written = [folder / "diagnosis.json", folder / "diagnosis.csv"]
    write_json(diagnosis, written[0])
    write_csv(diagnosis, written[1])
    shown = []
    for one in diagnosis.slices:
        if found := diagnosis.on(one):
            written.append(pictures / f"{one.name}.png")
            replace_file(written[-1], partial(draw_overlay, diagnosis, one))
            caption = "; ".join(f"{diagnosis.column(f)} {diagnosis.row(f)}: {f.grade}" for f in found)
            shown.append(_Picture(one.name, title(diagnosis, one), caption, _address(written[-1])))
    maps = _maps(diagnosis, folder / "maps")
    written += [folder / "maps" / f"{one.name}.png" for one in maps]
    written.append(folder / "diagnosis.html")
    replace_text(written[-1], _page(diagnosis, shown, maps))
    return written


def _maps(diagnosis: Diagnosis, folder: Path) -> list[_Picture]:
    """Draws the findings that have a map; removes maps of an earlier diagnosis."""
    _clear(folder, "finding_*.png")
    shown = []
    for number, finding in enumerate(diagnosis.findings, start=1):
        if finding.grade_map is not None:
            mark(folder)
            name, caption = f"finding_{number}", grade_map_caption(diagnosis, finding)
            replace_file(folder / f"{name}.png", partial(draw_grade_map, diagnosis, finding))
            shown.append(_Picture(name, "What spoke for the grade", caption, _address(folder / f"{name}.png")))
    return shown


def _clear(folder: Path, pattern: str) -> None:
    """Removes the pictures of an earlier diagnosis from a folder that one has made."""
    if (folder / MARKER).exists():
        for old in folder.glob(pattern):
            old.unlink()


def _address(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"


def _page(diagnosis: Diagnosis, pictures: list[_Picture], maps: list[_Picture]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    places = [tuple(one.place.values()) for one in diagnosis.findings]
    found = dict(zip(places, diagnosis.findings, strict=True))
    columns = {place[:-1]: diagnosis.column(one) for place, one in found.items()}
    rows: list[tuple[str, list[Finding | None]]] = [
        (words, [found.get((*column, *row)) for column in columns])
        for row, words in {place[-1:]: diagnosis.row(one) for place, one in found.items()}.items()
    ]
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("diagnosis.html.jinja").render(
        diagnosis=diagnosis,
        warning=WARNING,
        columns=list(columns.values()),
        rows=rows,
        reasons=list(dict.fromkeys(one.missing for one in diagnosis.findings if one.missing)),
        details=table(diagnosis),
        glyphs=dict(zip(diagnosis.classes, GLYPHS * len(diagnosis.classes), strict=False)),
        pictures=pictures,
        maps=maps,
        style=(HERE / "diagnosis.css").read_text(encoding="utf-8"),
    )
