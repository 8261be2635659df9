"""Draws the measured against the true geometry of discs: `python -m tests.studies.geometry_truth PICTURE.png`.

For each measure it prints the error: root mean square and 95th percentile, in mm, % or degrees.
"""

import sys

import numpy as np

from data.geometry.crop import crop
from data.phantom.anatomy import draw_anatomy
from data.phantom.gradings import draw_gradings
from data.phantom.shapes import measure
from encoders.geometry.measures import measure_disc
from preprocessing.regions.mask import Mask
from tests.encoders.shapes import phantom_mask, true_height

MEASURES = {
    "height_anterior": "anterior height, mm",
    "height_middle": "middle height, mm",
    "height_posterior": "posterior height, mm",
    "ap_width": "front-to-back width, mm",
    "lateral_width": "lateral width, mm",
    "volume": "volume, cm³",
    "sagittal_angle": "sagittal angle, °",
    "coronal_angle": "coronal angle, °",
    "axial_angle": "axial angle, °",
}
PLACES = {"height_anterior": -0.4, "height_middle": 0.0, "height_posterior": 0.4}
GRIDS = {"4.4 x 0.9 x 0.9 mm": ((4.4, 0.9), 17), "1.5 x 0.9 x 0.9 mm": ((1.5, 0.9), 50)}


def pairs(spacing, slices, patients):
    """True and measured values `(discs, measures)` of phantom patients whose gradings leave no signs."""
    true, found = [], []
    for patient in range(patients):
        rng = np.random.default_rng([11, patient])
        gradings, _ = draw_gradings(rng, 6)
        anatomy = draw_anatomy(rng, gradings, 0.0)
        scan = phantom_mask(rng, anatomy, spacing=spacing, slices=slices)
        for disc in [d for d in anatomy.discs if d.label]:
            part = crop(scan, Mask(margin=5.0, slices=None).locate(scan, {"mask_label": disc.label}))
            values = measure_disc(part.mask, part.affine, disc.label)._asdict()
            known = measure(disc, anatomy.pose) | {n: true_height(disc, place) for n, place in PLACES.items()}
            true.append([known[name] for name in MEASURES])
            found.append([values[name] for name in MEASURES])
    return np.array(true), np.array(found)


def main(path, patients=8):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(8, 8), layout="constrained")
    for (label, (spacing, slices)), marker in zip(GRIDS.items(), "ox", strict=True):
        true, found = pairs(spacing, slices, patients)
        print(f"{label}: {len(true)} discs")
        for i, (name, title) in enumerate(MEASURES.items()):
            unit = 1000.0 if name == "volume" else 1.0
            off = np.abs(found[:, i] - true[:, i])[np.isfinite(found[:, i])] / unit
            print(f"  {title:26} RMS {np.sqrt(np.mean(off**2)):.2f}  95 % {np.percentile(off, 95):.2f}  n {len(off)}")
            axes.flat[i].plot(true[:, i] / unit, found[:, i] / unit, marker, ms=4, mfc="none", alpha=0.8, label=label)
    for axis, title in zip(axes.flat, MEASURES.values(), strict=True):
        low, high = min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])
        axis.plot([low, high], [low, high], color="0.5", lw=0.8, zorder=0)
        axis.set(title=title, xlim=(low, high), ylim=(low, high), aspect="equal")
    axes[0, 0].legend(fontsize=7, loc="upper left", title="voxels", title_fontsize=7)
    figure.supxlabel("true")
    figure.supylabel("measured")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:2])
