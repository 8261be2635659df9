"""Reads and embeds a phantom of some number of studies and prints the peak memory of the process, MiB."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

GRID = """
name: memory
data: {{spider: {{folder: "{folder}"}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask]
images: [grayscale]
encoders: [raw_pixels: {{size: 16}}]
heads: [logistic]
protocol: {{folds: 2}}
"""


def main(folder: Path, studies: int) -> None:
    """Reads and embeds as `run` does, on studies that another process writes first."""
    import subprocess

    write = "import sys; from pathlib import Path; from data.phantom import write_phantom; "
    write += (
        "write_phantom(Path(sys.argv[1]), patients=int(sys.argv[2]), sequences=('t2',), spacing=(5.0, 2.0), slices=7)"
    )
    subprocess.run([sys.executable, "-c", write, str(folder), str(studies)], check=True)

    from bench.grid.file import read_grid
    from bench.plan.plan import Plan
    from bench.run.progress import Progress
    from bench.run.provenance import peak_memory_mib
    from bench.tasks.reading import make_crops
    from bench.tasks.store import Store
    from bench.tasks.work import Work

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "memory.yaml"
        file.write_text(GRID.format(folder=folder))
        store = Store(Path(scratch) / "store")
        plan = Plan(read_grid(file), store)
        progress = Progress(live=False, show=lambda line: None)
        make_crops(plan, store, jobs=2, progress=progress)
        cells = [c for c in plan.cells() if c.fits[0].tokens]
        work = Work(plan, store, device="cpu", progress=progress, fitted=lambda cell: None)
        tasks, fits = work.tasks(cells, store.keys("fits"))
        for task in tasks:
            if task not in fits:
                task.run()
        print(peak_memory_mib())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
