"""What a kill, a full disk, damage and eight processes at once leave of a run, a report, a model and a store.

    python -m tests.studies.reliability                    # everything: the figures of docs/pages/reliability.md
    python -m tests.studies.reliability kills --times 20   # one part

Each part ends with the same question: after the same command is given again, is everything as an undisturbed command
leaves it? Files are compared byte by byte, but for times of day and durations.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from tests.studies.reliability import harm
from tests.studies.reliability.place import import_libraries

PARTS = ("kills", "more", "phantom", "report", "fit", "full", "shared", "damages")


def study(part: str, folder: Path, times: int, seed: int) -> Counter[str]:
    """One part of the study."""
    if part == "kills":
        return harm.kills_of_run(folder, times or 100, seed)
    if part == "more":
        return harm.kills_of_more(folder, times or 30, seed)
    if part == "phantom":
        return harm.kills_of_phantom(folder, times or 8, seed)
    if part in ("report", "fit"):
        return harm.kills_of(part, folder, times or 30, seed)
    if part == "full":
        return harm.full_disk(folder, [4, 16, 40, 60, 80, 120, 160, 200, 240, 280, 330, 380][: times or 12])
    return harm.shared(folder, times or 8) if part == "shared" else harm.damages(folder, times or 100, seed)


def main() -> None:
    """Prints what each part counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--times", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import_libraries()
    for part in given.parts or PARTS:
        folder = Path(tempfile.mkdtemp())  # a forked process would remove a TemporaryDirectory at its end
        try:
            count = study(part, folder, given.times, given.seed)
        finally:
            shutil.rmtree(folder)
        print(f"{part}: {json.dumps(dict(sorted(count.items())))}", flush=True)


if __name__ == "__main__":
    main()
