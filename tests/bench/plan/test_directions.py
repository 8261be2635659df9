"""Images whose axes grow elsewhere in the patient than those of others are noted."""

import nibabel
import numpy as np

from bench.plan.directions import letters, mixed, unlike


def affine(code):
    """From an index (slice, row, column) to LPS mm, of a volume whose columns, rows and slices grow as in nibabel."""
    turn = nibabel.orientations.inv_ornt_aff(nibabel.orientations.axcodes2ornt(tuple(code)), (4, 5, 6))
    return (np.diag([-1, -1, 1, 1]) @ np.linalg.inv(turn))[:, [2, 1, 0, 3]]


def test_the_directions_are_those_of_nibabel():
    for code in ("RAS", "LAS", "PSR", "ASL", "LPI"):
        found = mixed("t2", np.stack([affine(code), affine("LPS"), affine(code)]))
        assert found.startswith("t2: its images lie differently in the patient: columns, rows and slices grow ")
        assert f"towards {code} in 2, LPS in 1, so" in found


def test_images_that_lie_alike_need_no_note():
    leaning = affine("LPS")
    leaning[:3, :3] = np.array([[0.9, 0.1, 0], [-0.1, 0.9, 0], [0, 0, 1]]) @ leaning[:3, :3]
    assert mixed("t2", np.stack([affine("LPS"), leaning])) == ""
    assert mixed("t2", np.empty((0, 4, 4))) == ""


def test_new_images_are_compared_with_those_of_training():
    assert letters(affine("RAS")) == "RAS"
    note = unlike("t2", ["LPS", "PSL"], {"LPS": 4, "RAS": 1, "ASR": 2})
    assert note.startswith("t2: 3 of 7 images lie otherwise in the patient than those of training: ")
    assert "grow towards ASR in 2, RAS in 1, in training towards LPS, PSL." in note
    assert unlike("t2", ["LPS"], {"LPS": 4}) == ""
    assert unlike("t2", [], {"LPS": 4}) == "", "an older model does not say how its images lie"
