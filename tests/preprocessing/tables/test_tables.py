"""What is particular to the table steps of the project."""

from preprocessing.tables.none import NoTable


def test_none_builds_nothing():
    assert NoTable().build(seed=0) is None
