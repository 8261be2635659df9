"""Clinical values go with degeneration as declared, have gaps, and leave everything else as it is."""

import numpy as np
import pandas as pd
import pytest

from data.phantom.clinical import draw_clinical
from data.phantom.severities import draw_severities


def drawn(effect, patients=4000):
    rows = []
    for number in range(patients):
        degeneration = draw_severities(np.random.default_rng([3, number, 0])).patient
        clinical = draw_clinical(np.random.default_rng([3, number, 5]), degeneration, effect=effect)
        rows.append((degeneration, *clinical))
    return pd.DataFrame(rows, columns=["degeneration", "age", "sex", "weight"])


@pytest.mark.parametrize(("effect", "age", "weight"), [(0, 0, 0), (0.5, 0.3, 0.15), (1, 0.6, 0.3)])
def test_age_and_weight_correlate_with_degeneration_as_declared(effect, age, weight):
    """Standard errors at 4000 patients are under .02; ages are clipped at 18 and 90."""
    table = drawn(effect)
    assert table["age"].corr(table["degeneration"]) == pytest.approx(age, abs=0.05)
    for _, part in table.groupby("sex"):
        young = part[part["age"] < 60]  # weights of older patients have more gaps
        share = part["weight"].corr(part["degeneration"])
        assert len(young) > 500 and share == pytest.approx(weight, abs=0.08)
    assert abs((table["sex"] == "M").corr(table["degeneration"])) < 0.06


def test_weight_lacks_more_often_in_older_patients_and_is_predicted_by_sex():
    table = drawn(1)
    gaps = table["weight"].isna()
    assert gaps[table["age"] >= 60].mean() == pytest.approx(0.4, abs=0.04)
    assert gaps[table["age"] < 60].mean() == pytest.approx(0.15, abs=0.03)
    assert table["age"].isna().mean() == pytest.approx(0.05, abs=0.015)
    assert table["sex"].isna().mean() == pytest.approx(0.03, abs=0.012)
    men, women = (table.loc[table["sex"] == sex, "weight"].mean() for sex in ("M", "F"))
    assert men - women == pytest.approx(14, abs=1.5)


def test_the_common_part_of_the_severities_is_the_patients_degeneration():
    """Its share of every latent's variance is .6 of .4, so it correlates with the room lost, more so over places."""
    found = [draw_severities(np.random.default_rng([4, number])) for number in range(3000)]
    patient = np.array([one.patient for one in found])
    assert np.std(patient) == pytest.approx(1, abs=0.05) and abs(patient.mean()) < 0.06
    whole = np.array([one.whole for one in found])
    each = np.array([[np.corrcoef(patient, whole[:, c, k])[0, 1] for k in range(5)] for c in range(5)])
    assert each.mean() == pytest.approx(np.sqrt(0.24), abs=0.06)
    assert np.corrcoef(patient, whole.mean(axis=(1, 2)))[0, 1] > each.mean() + 0.1
