"""A slice of the fuzz harness, and that its independent readers see what they are there to see."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.studies.fuzz.__main__ import BAD, Reader, inputs
from tests.studies.fuzz.images import IMAGES


def test_hostile_inputs_are_read_right_or_named(tmp_path):
    reader = Reader()
    try:
        found = list(inputs(36, 1, tmp_path, reader))
    finally:
        reader.stop()
    assert not [one for one in found if one[1] in BAD]
    assert Counter(outcome for _, outcome, _ in found)["named"] > 10


@pytest.mark.parametrize("kind", IMAGES)
def test_an_independent_reader_reads_a_sound_file(kind):
    data, truth = IMAGES[kind].write(np.random.default_rng(0))
    assert_array_equal(IMAGES[kind].independent(data), truth)
    with pytest.raises(Exception):  # noqa: B017 (each library has its own)
        IMAGES[kind].independent(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["mha, compressed", "nii.gz", "png"])
def test_an_independent_reader_checks_the_sums_of_a_container(kind):
    data, _ = IMAGES[kind].write(np.random.default_rng(0))
    at = len(data) - 200  # in the packed pixels of each
    with pytest.raises(Exception):  # noqa: B017 (as above)
        IMAGES[kind].independent(data[:at] + bytes([data[at] ^ 8]) + data[at + 1 :])
