"""The end of a run whose disk is full, or whose folder can't be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.run.progress import Progress
from data import ScangridError
from data.files.whole import way_to_write, why_not_written


class StoppedError(ScangridError):
    """A run that can't write; what it has done is kept."""

    exit_code = 1


@contextmanager
def stopped_by_disk(folder: Path, progress: Progress) -> Iterator[None]:
    """Turns an error of the disk into one line with how far the run came.

    Args:
        folder: The run folder.
        progress: Knows the cells by state.

    Raises:
        StoppedError: Something could not be written.
    """
    try:
        yield
    except OSError as error:
        if not (why := why_not_written(error)):
            raise
        cells = ", ".join(f"{count} cell{'s' * (count != 1)} {name}" for name, count in progress.cells.items() if count)
        raise StoppedError(
            f"{error.filename or folder}: {why}{f' ({cells})' if cells else ''}: {way_to_write(error)}, "
            "then run the same command again; what is done is kept"
        ) from error
