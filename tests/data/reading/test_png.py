"""A PNG whose parts do not fit is refused with a way out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from data.base import DataError
from data.reading import volumes
from tests.data.reading import written

INDICES = np.random.default_rng(4).integers(0, 4, (10, 12)).astype(np.uint8)
COLOURS = np.array([[0, 0, 0], [60, 60, 60], [130, 130, 130], [255, 255, 255]], dtype=np.uint8)


def read(path, content):
    path.write_bytes(content)
    return volumes.read(path).pixels


def palette(count):
    return written.chunk(b"PLTE", COLOURS[:count].tobytes())


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_pixels_behind_a_palette_are_refused(tmp_path, bits):
    """libpng shows them as black, without a word."""
    path = tmp_path / "a.png"
    whole = written.png(INDICES, bits=bits, colour=3, extra=palette(4))
    assert_allclose(read(path, whole)[0], COLOURS[INDICES, 0], rtol=1e-6)
    few = written.png(INDICES, bits=bits, colour=3, extra=palette(2))
    bad = int((INDICES > 1).sum())
    with pytest.raises(DataError, match=rf"a\.png: {bad} of its pixels have a colour behind its palette of 2: save it"):
        read(path, few)
    sound = written.png(INDICES % 2, bits=bits, colour=3, extra=palette(2) + written.chunk(b"tRNS", b"\0\x80"))
    assert_allclose(read(path, sound)[0], COLOURS[INDICES % 2, 0], rtol=1e-6)


def test_colours_without_a_palette_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.png: is damaged: it has no palette for its colours"):
        read(tmp_path / "a.png", written.png(INDICES, colour=3))


def test_a_part_that_is_needed_but_unknown_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.png: its part 'ABCD' is of no known kind, but needed: save it again"):
        read(tmp_path / "a.png", written.png(INDICES, extra=written.chunk(b"ABCD", b"\xb0")))
    assert_array_equal(
        read(tmp_path / "b.png", written.png(INDICES, extra=written.chunk(b"abCD", b"\xb0")))[0], INDICES
    )
