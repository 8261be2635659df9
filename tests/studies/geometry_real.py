"""Does height fall with narrowing on real masks? `python -m tests.studies.geometry_real VOLUMES TABLES` prints it.

Prints the AUC of `1 - height` for narrowing (and other gradings): within level, pooled by the number of
positive-negative pairs, and over all discs. The 95 % intervals are from 2,000 resamples of patients.
"""

import sys

import numpy as np
import pandas as pd

from data.geometry.crop import crop
from data.spider import Spider
from encoders.geometry.measures import measure_disc
from preprocessing.regions.mask import Mask

GRADES = ("narrowing", "bulging")
MEASURES = ("height_mean", "height_anterior", "height_middle", "height_posterior", "ap_width")


def measured(volumes, tables):
    """One row for each graded disc that its scan shows, with the samples' columns and the measures."""
    dataset = Spider(folder=volumes, tables=tables, sequences=("t2_SPACE",))
    rows = []
    for study, part in dataset.samples().groupby("study"):
        scan = dataset.load(study, "t2_SPACE")
        for sample, row in part.iterrows():
            if (box := Mask(margin=40.0, slices=None).locate(scan, row)) is not None:
                cut = crop(scan, box)
                found = measure_disc(cut.mask, cut.affine, int(row["mask_label"]))
                rows.append({"sample": sample, **row, **found._asdict()})
    return pd.DataFrame(rows)


def auc(value, positive, strata, weights):
    """The share of pairs within strata whose positive disc is lower; ties count half, both patients weight a pair."""
    pairs = positive[:, None] & ~positive[None, :] & (strata[:, None] == strata[None, :])
    first, second = np.nonzero(pairs)
    right = (value[first] < value[second]) + 0.5 * (value[first] == value[second])
    both = weights[:, first] * weights[:, second]
    return (both * right).sum(axis=1) / both.sum(axis=1)


def main(volumes, tables):
    table = measured(volumes, tables)
    print(f"{len(table)} discs of {table['patient'].nunique()} patients")
    print(table[list(MEASURES)].isna().sum().rename("NaN").to_string())
    print(f"seen_fraction: median {table['seen_fraction'].median():.2f}, most {table['seen_fraction'].max():.2f}")
    rng = np.random.default_rng(0)
    for grade in GRADES:
        for name in MEASURES:
            rows = table.dropna(subset=[grade, name])
            patients, patient = np.unique(rows["patient"], return_inverse=True)
            drawn = rng.integers(len(patients), size=(2000, len(patients)))
            counts = np.apply_along_axis(np.bincount, 1, drawn, minlength=len(patients))
            weights = np.vstack([np.ones(len(patients)), counts])[:, patient]
            value, positive = rows[name].to_numpy(), rows[grade].to_numpy() > 0
            line = f"{grade:10} {name:18} n {len(rows)} ({positive.sum()} positive)"
            for label, strata in (("within level", rows["level"].to_numpy()), ("pooled", np.zeros(len(rows)))):
                values = auc(value, positive, strata, weights)
                low, high = np.nanpercentile(values[1:], (2.5, 97.5))
                line += f"  {label} {values[0]:.2f} [{low:.2f}, {high:.2f}]"
            print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
