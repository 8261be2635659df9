"""What steps will take, from what steps like them took."""

import pytest

from bench.plan.measured import EarlierSteps, Spent

STEPS = [
    Spent({"heads": "svc", "encoders": "a"}, 2.0, 100, 50),
    Spent({"heads": "svc", "encoders": "a"}, 4.0, 300, 50),
    Spent({"heads": "svc", "encoders": "b"}, 9.0, 500, 50),
    Spent({"heads": "knn", "encoders": "a"}, 1.0, 100),
]


@pytest.fixture
def measured():
    return EarlierSteps(STEPS, (("heads", "encoders"), ("heads",)))


def test_steps_alike_give_their_mean_in_proportion_to_the_amount(measured):
    found = measured.expect({"heads": "svc", "encoders": "a"}, 60)
    assert (found.seconds, found.size, found.rough) == (pytest.approx(3 * 1.2), pytest.approx(200 * 1.2), False)
    assert measured.expect({"heads": "svc", "encoders": "a"}, 500).rough  # ten times as many rows


def test_a_step_on_other_features_is_a_rough_guess_and_an_unknown_one_is_none(measured):
    found = measured.expect({"heads": "svc", "encoders": "c"}, 50)
    assert (found.seconds, found.rough) == (pytest.approx(5.0), True)
    assert measured.expect({"heads": "mlp", "encoders": "a"}, 50) is None


def test_what_an_earlier_version_noted_is_taken_as_it_is(measured):
    found = measured.expect({"heads": "knn", "encoders": "a"}, 1000)
    assert (found.seconds, found.rough) == (1.0, False)
