"""What is said where patients may be those of training, and which way out stands first."""

import pytest

from bench.plan.known import FoundCopy, Known, KnownPatientError

ASKED = {"exclude": "--exclude", "own_ids": "--own", "allow": "--allow"}


@pytest.mark.parametrize(("alike", "first"), [(2, "--exclude"), (5, "--exclude"), (6, "--allow")])
def test_where_most_scans_look_like_training_the_first_way_is_not_to_lose_them(alike, first):
    found = Known((), (), tuple(FoundCopy(f"p{i}", f"p{i}", "", 0.9) for i in range(alike)))
    with pytest.raises(KnownPatientError, match=f"{alike} of 10 patients may be .*: use {first} ") as caught:
        found.refuse(10, **ASKED)
    assert all(way in str(caught.value) for way in ("--exclude", "--allow")) and "--own" not in str(caught.value)
