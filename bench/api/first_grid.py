"""Looks at a table of images and writes a grid for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.api.errors import ArgumentError, writing
from data.files.whole import replace_text
from data.text.command import command


@dataclass(frozen=True)
class WrittenGrid:
    """A grid that was written for a table; printed, it is the text that the command `init` prints.

    Args:
        file: The grid file.
        columns: A line for each column that has a role.
        problems: What is missing or odd, a sentence each; empty where nothing is.
        table: The table, if it has to be mended before a run can read it, else empty.
    """

    file: Path
    columns: tuple[str, ...]
    problems: tuple[str, ...]
    table: str = ""

    def __str__(self) -> str:
        lines = [f"wrote {self.file}", *(f"  {line}" for line in self.columns)]
        if self.problems:
            lines += ["to decide or to mend first:", *(f"  - {problem}" for problem in self.problems)]
        if self.table:
            lines.append(
                f"mend the table, then look again (delete {self.file} first, or name another file with --out):"
            )
            return "\n".join([*lines, f"  {command('init', self.table)}"])
        first = "when these are decided, " if self.problems else ""
        lines.append(f"{first}look at the plan and at your inputs before you run:")
        return "\n".join([*lines, *(f"  {command(verb, self.file)}" for verb in ("plan", "preview", "run"))])


def init(table: str | Path, *, out: str | Path = "mine.yaml") -> WrittenGrid:
    """Looks at a table of images, guesses which column is what, and writes a grid with the reasons as comments.

    No image is opened. All problems of the columns are found at once.

    Args:
        table: A CSV or Excel file with a row for each image; `FILE.xlsx#SHEET` names a sheet.
        out: The grid file, which must not exist.

    Raises:
        ScangridError: The table can't be read, or `out` exists or can't be written.

    Examples:
        >>> print(api.init("scans.csv"))
    """
    out = Path(out)
    from data.first_look.grid import first_grid

    found = first_grid(str(table), out.stem)
    if out.exists():
        raise ArgumentError(f"{out} exists: name another file with --out, or delete it")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_text(out, found.text)
    return WrittenGrid(out, found.columns, found.problems, "" if found.usable else str(table))
