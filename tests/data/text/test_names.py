"""The hint at the nearest name."""

from data.text.names import closest, nearest


def test_a_near_name_is_suggested():
    assert nearest("svx", ["knn", "svc"]) == ": did you mean 'svc'?"


def test_without_a_near_name_all_are_listed():
    assert nearest("forest", ["knn", "svc"]) == ": use one of knn, svc"
    assert nearest("forest", ["knn"]) == ": use knn"
    assert nearest("forest", iter(["knn", "svc"])) == ": use one of knn, svc"
    assert nearest("forest", []) == ": there is none"


def test_cutoff_0_always_finds_one():
    assert closest("abc", ["zebra"], cutoff=0) == "zebra"
    assert closest("abc", ["zebra"]) is None
