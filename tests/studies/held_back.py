"""Fits a cell of `grids/disc_narrowing.yaml` without 10 of its 33 patients, and predicts these from their scans alone.

`python -m tests.studies.held_back VOLUMES TABLES OUT` reads SPIDER's volumes and tables. The patients are drawn with a
seed before anything is computed. Their masks are not given to the model, which finds the discs itself. It prints the
table of external scores, with the cross-validated AUC and the floors.
"""

import argparse
import os
import random
from pathlib import Path

from bench import api

HELD = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("volumes", "tables", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seed", type=int, default=0, help="draws the patients")
    parser.add_argument("--store", type=Path, default=Path(".store"))
    options = parser.parse_args()
    patients = sorted((path.stem.partition("_")[0] for path in (options.volumes / "images").glob("*.mha")), key=int)
    held = random.Random(options.seed).sample(patients, HELD)
    link(options.volumes, options.out / "train", set(patients) - set(held), ("images", "masks"))
    link(options.volumes, options.out / "held", set(held), ("images",))
    settings = [
        "name=disc_23",
        f"data.spider.folder={(options.out / 'train').resolve()}",
        f"data.spider.tables={options.tables.resolve()}",
        "targets=[narrowing]",
        "regions=[{segmented: {slices: null, margin: 12.0}}]",
        "encoders=[{cae_3d + disc_geometry: {cae_3d: {preset: disc_small, latent: 8}}}]",
        "heads=[logistic]",
        "exclude=[]",
    ]
    os.environ.setdefault("SCANGRID_SHARED", "")  # the grid file names it; the settings replace its folders
    where = {"store": options.store, "device": "cpu"}
    run = api.run("grids/disc_narrowing.yaml", settings=settings, runs=options.out / "runs", **where)
    cell = run.cells.query("not floor")["key"].iloc[0]
    model = api.fit(run.folder, cell, options.out / "model", **where)
    data = {"spider": {"folder": str(options.out / "held"), "tables": str(options.tables)}}
    print(api.predict(model.folder, data, out=options.out / "predicted", **where))


def link(source: Path, target: Path, patients: set[str], kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        (target / kind).mkdir(parents=True)
        for path in sorted((source / kind).glob("*.mha")):
            if path.stem.partition("_")[0] in patients:
                (target / kind / path.name).symlink_to(path.resolve())


if __name__ == "__main__":
    main()
