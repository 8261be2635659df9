"""The sums of a run folder: what a later command reads there must be what the run wrote.

They are written last. A run that starts takes back all sums but those of predictions, which keep their content, so the
folder can be read whenever a run is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from data.files.sums import SUMS, read_sums, replace_sums, write_sums

EXTERNAL = "external"
_FILES = (
    "run.json",
    "cells.json",
    "former_cells.json",
    "samples.parquet",
    "folds.csv",
    "excluded.csv",
    "flow.json",
    "compare.json",
    "grid.yaml",
    "plugins.json",
    "provenance.json",
    "dataset_scores.csv",
    "filling.csv",
    "regions.csv",
    "points.csv",
    "training_points.csv",
    "not_found.csv",
    "near_duplicates.csv",
    "fingerprint.csv",
    f"{EXTERNAL}/{SUMS}",
)
_PATTERNS = (
    "cells/*.parquet",
    "null/*/*.parquet",
    "refit/*/*.parquet",
    "artifacts/**/*",
    "panels/*",
    "near_duplicates/*.png",
)
_REWRITTEN = "grid.yaml"  # it may be the very grid that is run
_OUT = "run the grid again"


def seal(folder: Path) -> None:
    """Writes the sums of a run folder whose files are all there, and of its external test.

    Args:
        folder: The run folder.
    """
    if (folder / EXTERNAL).is_dir():
        write_sums(folder / EXTERNAL, _written(folder / EXTERNAL))
    write_sums(folder, _written(folder))


def unseal(folder: Path, say: Callable[[str], None]) -> None:
    """Removes what was changed since the run folder was sealed, and the sums of what this run may write.

    Args:
        folder: The run folder.
        say: A function that takes a line about changed files.
    """
    for place in (folder, folder / EXTERNAL):
        sums = read_sums(place, f"delete it, then {_OUT}")
        changed = [name for name in sums.digests if sums.fault(name)]
        if changed:
            more = f" and {len(changed) - 1} more files were" if len(changed) > 1 else " was"
            say(f"{place / changed[0]}{more} changed or removed after the run: what this run needs is written again")
        for name in changed:
            _remove(place, name, sums.digests)
        if sums.digests:
            kept = {name: sums.digests[name] for name in sums.digests if name.startswith("cells/")}
            replace_sums(place, {name: digest for name, digest in kept.items() if name not in changed})


def _written(folder: Path) -> Iterator[Path]:
    found = [folder / name for name in _FILES]
    found += [path for pattern in _PATTERNS for path in folder.glob(pattern)]
    return (path for path in found if path.is_file() and path.name[0] != ".")


def _remove(folder: Path, name: str, names: Iterable[str]) -> None:
    """Removes a file, and the files that are only written together with it."""
    if name == _REWRITTEN:
        return
    together = PurePosixPath(name).parts[: {"panels": 1, "artifacts": 3}.get(name.split("/")[0], 9)]
    for one in [name, *(one for one in names if PurePosixPath(one).parts[: len(together)] == together)]:
        (folder / one).unlink(missing_ok=True)
    if together[0] == "artifacts":
        inside = [path for path in folder.joinpath(*together).rglob("*") if path.is_dir()]
        for path in [*sorted(inside, reverse=True), folder.joinpath(*together)]:
            with suppress(OSError):  # others put something there
                path.rmdir()
