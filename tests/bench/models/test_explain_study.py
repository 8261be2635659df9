"""`diagnose --explain`: maps of the grades that are not the mildest, in the page of a diagnosis."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bench.models.diagnose import grade
from bench.models.model import read_model
from results.diagnosis import write_diagnosis


@pytest.mark.long
def test_findings_above_the_mildest_grade_have_a_map_in_the_page(fitted, spines, tmp_path):
    model = fitted()
    folders = [next(iter(sorted((spines / "train_images").iterdir())))]
    where = {"keep_names": False, "device": "cpu"}
    (found,) = grade(model, folders, spines / "train_series_descriptions.csv", explain=True, **where)
    (plain,) = grade(model, folders, spines / "train_series_descriptions.csv", **where)
    mildest = read_model(model, device="cpu").cells[0].about["classes"][0]
    graded = [one for one in found.findings if one.grade]
    assert any(one.grade != mildest for one in graded)
    for one, other in zip(found.findings, plain.findings, strict=True):
        assert (one.grade_map is not None) == bool(one.grade and one.grade != mildest) and other.grade_map is None
        assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
    mapped = [one for one in graded if one.grade_map]
    for one in mapped:
        assert [crop.sequence for crop in one.grade_map.crops] == ["sagittal_t1", "sagittal_t2", "axial_t2"]
        assert all(crop.values.shape == crop.pixels.shape and np.ptp(crop.values) > 0 for crop in one.grade_map.crops)
        assert one.grade_map.least <= found.probability(one)
    written = write_diagnosis(found, tmp_path / "out")
    maps = sorted((tmp_path / "out" / "maps").glob("finding_*.png"))
    assert len(maps) == len(mapped) and set(maps) <= set(written)
    page = written[-1].read_text()
    assert page.count('<figure id="finding_') == len(mapped) and "What spoke for the grades" in page
    assert "What spoke for the grades" not in write_diagnosis(plain, tmp_path / "out")[-1].read_text()
    assert not list((tmp_path / "out" / "maps").glob("*.png"))
