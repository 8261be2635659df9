"""What the commands share: the options that several of them have, and how an error ends them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from typer import Argument as Arg
from typer import BadParameter, Exit
from typer import Option as Opt
from typer.core import TyperGroup

from bench import interrupts
from data import ScangridError
from data.files.whole import way_to_write, why_not_written

GridFile = Annotated[Path, Arg(help="A grid file, such as grids/demo.yaml.", metavar="GRID")]
ModelFolder = Annotated[Path, Arg(help="A folder that fit wrote.", metavar="MODEL")]
RunFolder = Annotated[Path, Arg(help="A run folder, such as runs/demo.", metavar="RUN")]
Settings = Annotated[list[str] | None, Opt("--set", help="Replace a value: protocol.folds=3.", metavar="K=V")]
Only = Annotated[list[str] | None, Opt(help="Only these steps of an axis: encoders=resnet50.", metavar="AXIS=NAME,...")]
Fields = Annotated[list[str] | None, Opt("--set", help="A field of the plug-in: epochs=2.", metavar="K=V")]
Plugins = Annotated[Path | None, Opt(help="A folder of your own plug-ins, laid out like the project.")]
Anchor = Annotated[
    Path | None,
    Opt(
        help="A table of the lowest level that a study shows: columns study (as the results name it: study_1 and so on "
        "where names are not kept) and level."
    ),
]
_CELL = (
    "its number or key, or its steps, such as 'svc, resnet50' or heads=svc,encoders=resnet50; with several targets "
    "also the target's name, such as 'narrowing, svc'"
)
AnyCell = Annotated[str, Opt(help=f"A cell: {_CELL}. Omit it to list the cells.")]
Cells = Annotated[list[str], Opt("--cell", help=f"A cell: {_CELL}. One for each target.")]
NearDuplicates = Annotated[
    str,
    Opt(help="allow keeps patients whose scans merely look like changed copies of training scans; refuse does not."),
]
Runs = Annotated[Path, Opt(help="Where run folders are written.")]
Store = Annotated[Path, Opt(help="Where finished steps are kept; all can be computed again.")]
Device = Annotated[str, Opt(help="auto, cpu or cuda.")]
Jobs = Annotated[int, Opt(help="Heads fitted at the same time; 0: as many as there are cores.", min=0)]
RunGrid = Annotated[Path | None, Opt(help="The run's grid file, if it is not the copy in RUN.")]
CellKey = Annotated[str, Opt(help="Only this cell: its number, key or steps.")]
CellKeys = Annotated[list[str] | None, Opt(help="Also pictures of this cell (number, key or steps); may be repeated.")]
Width = Annotated[str, Opt(help="double (183 mm) or single (89 mm).")]

LONGEST = 2000
_UsageError: Any = BadParameter.__base__  # the parser's own class, which lies elsewhere in each version of typer


class Commands(TyperGroup):
    """Turns an error that a user can mend into one line and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Calls the command."""
        try:
            return super().invoke(ctx)
        except Exit:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or interrupts.received():
                raise Exit(interrupts.say()) from error
            if isinstance(error, OSError) and (why := why_not_written(error)):
                stop(f"{error.filename or 'the output'}: {why}: {way_to_write(error)} or name another folder", code=1)
            if (line := _line(error)) is None:
                raise
            stop(line, code=getattr(error, "exit_code", 2))


def _line(error: BaseException) -> str | None:
    """The line of an error that a user can mend; None for an error of the program."""
    if isinstance(error, ScangridError):
        return str(error)
    if isinstance(error, _UsageError):
        where = f"; see {error.ctx.command_path} --help" if error.ctx is not None else ""
        return f"{error.format_message().rstrip('.')}{where}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, SystemExit):
        return f"a plug-in or a library ended the program (SystemExit: {error.code}): it must raise an error instead"
    return None


def stop(message: str, code: int = 2) -> NoReturn:
    """Prints a line to standard error and ends the command; what is very long, such as a path, loses its middle."""
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
    print(f"scangrid: {message}", file=sys.stderr)
    raise Exit(code)
