"""A dataset's joint score over several targets is computed only for combinations that have all of them."""

from types import SimpleNamespace

from bench.run.dataset_scores import _groups


def planned(head, target):
    return SimpleNamespace(cell=SimpleNamespace(steps={"heads": head}, target=target))


def test_no_joint_score_where_a_target_is_not_done():
    cells = [planned("svc", t) for t in ("spinal", "foraminal", "subarticular")]
    cells += [planned("knn", t) for t in ("spinal", "foraminal")]
    found = [[(one.cell.steps["heads"], one.cell.target) for one in group] for group in _groups(cells, 3)]
    assert [group for group in found if len(group) > 1] == [
        [("svc", t) for t in ("spinal", "foraminal", "subarticular")]
    ]
    assert len([group for group in found if len(group) == 1]) == 5


def test_a_single_target_is_one_group():
    assert len(list(_groups([planned("svc", "severity")], 1))) == 1
