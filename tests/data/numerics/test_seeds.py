"""Seeds of different draws share nothing."""

from data.numerics.seeds import spawned


def test_no_seed_is_that_of_another_seed_or_path():
    paths = [(), (0,), (1,), (1, 0), (1, 0, 0), (0, 1), (2,), (3,)]  # SeedSequence([1]) is SeedSequence([1, 0])
    found = [spawned(seed, *path) for seed in range(50) for path in paths]
    assert len(set(found)) == len(found)
    assert all(0 <= one < 2**31 for one in found)
