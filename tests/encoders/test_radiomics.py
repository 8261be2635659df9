"""Radiomics against the published values of the digital phantom of the IBSI."""

from dataclasses import replace

import numpy as np
import pytest

from data.base import Image
from encoders.radiomics import Radiomics

pytest.importorskip("skimage")

_ = 0  # outside the region of interest
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [_, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, _, _], [1, 1, 1, 1, 1], [1, 1, _, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, _, _], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ],
    dtype=np.float32,
)
# Tables of the IBSI reference manual (arXiv:1612.07003): morphology-free features of the digital phantom.
FIRST_ORDER = {
    "mean": 2.15,
    "skewness": 1.08,
    "excess_kurtosis": -0.355,
    "minimum": 1,
    "percentile_10": 1,
    "median": 1,
    "percentile_90": 4,
    "maximum": 6,
    "interquartile_range": 3,
    "mean_absolute_deviation": 1.55,
    "energy": 567,
    "root_mean_square": 2.77,
    "discretised_entropy": 1.27,
    "discretised_uniformity": 0.512,
}
TEXTURE_2D_AVERAGED = {
    "joint_angular_second_moment": 0.368,
    "contrast": 5.28,
    "dissimilarity": 1.42,
    "inverse_difference_moment": 0.619,
    "correlation": -0.0121,
    "joint_entropy": 2.05,
}


def phantom(pixels=PHANTOM):
    return Image(pixels, np.eye(4), np.where(pixels > 0, 7, 0).astype(np.int16), structure=7)


def features(*images, bins=6):
    fitted = Radiomics(bins=bins).fit([], None, groups=np.zeros(0, dtype=str), seed=0, device="cpu")
    tokens = np.concatenate(list(fitted.encode(images)))
    return [dict(zip(Radiomics.feature_names, token.tolist(), strict=True)) for token in tokens]


def to_three_figures(value):
    return float(f"{value:.3g}")


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_first_order_has_the_published_value(name):
    assert to_three_figures(features(phantom())[0][name]) == FIRST_ORDER[name]


def test_variance_has_the_published_value():
    assert to_three_figures(features(phantom())[0]["standard_deviation"] ** 2) == 3.05


@pytest.mark.parametrize("name", TEXTURE_2D_AVERAGED)
def test_texture_of_single_slices_has_the_published_average(name):
    # Every slice spans 1 to 6, so that a single slice is discretised like the whole.
    slices = [phantom(one[None]) for one in PHANTOM]
    values = [found[name] for found in features(*slices)]
    assert to_three_figures(np.mean(values)) == TEXTURE_2D_AVERAGED[name]


def test_texture_merges_slices_and_averages_directions():
    steps = [(0, 1), (-1, 1), (-1, 0), (-1, -1)]
    contrasts = []
    for down, right in steps:
        squares = []
        for one in PHANTOM:
            for (row, column), value in np.ndenumerate(one):
                other = row + down, column + right
                if value and 0 <= other[0] < 4 and 0 <= other[1] < 5 and one[other]:
                    squares.append((value - one[other]) ** 2)
        contrasts.append(np.mean(squares))
    assert features(phantom())[0]["contrast"] == pytest.approx(np.mean(contrasts), rel=1e-6)


def test_texture_does_not_depend_on_the_units():
    one, other = features(phantom(), replace(phantom(), pixels=PHANTOM * 70 - 30))
    for name in [*TEXTURE_2D_AVERAGED, "discretised_entropy", "skewness"]:
        assert one[name] == pytest.approx(other[name], rel=1e-5)


def test_undetermined_features_are_nan():
    lone = np.zeros((1, 3, 3), np.float32)
    lone[0, 1, 1] = 5
    one, none = features(phantom(lone), replace(phantom(), structure=8))
    assert one["mean"] == 5 and one["standard_deviation"] == 0 and one["discretised_entropy"] == 0
    assert np.isnan([one["skewness"], one["contrast"], one["joint_entropy"]]).all()
    assert np.isnan(list(none.values())).all()


@pytest.mark.parametrize("missing", ["mask", "structure"])
def test_errors_name_what_it_needs(missing):
    with pytest.raises(ValueError, match="use region mask"):
        features(replace(phantom(), **{missing: None}))


def test_refuses_bins_that_do_not_fit():
    with pytest.raises(ValueError, match="bins"):
        features(phantom(), bins=256)
