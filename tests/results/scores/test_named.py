"""A cell is found by its number, its key, or its steps in any order; whatever else is said gets the candidates."""

import pytest

from results import ResultsError
from results.run_folder import RunCell
from results.scores.named import listed, named_cells, one_cell, steps_of

STEPS = [("prior", "none"), ("svc", "resnet50"), ("svc(kernel=rbf)", "resnet50"), ("svc", "cae_2d(size=32)")]
CELLS = [
    RunCell(
        f"{'3ab7'[i % 4]}{i}" * 16,
        {"encoders": encoder, "heads": head, "missing": "none"},
        target,
        ("0", "1"),
        number=i + 1,
    )
    for i, (target, (head, encoder)) in enumerate((t, s) for t in ("narrowing", "bulging") for s in STEPS)
]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", [3]),
        ("8", [8]),
        ("9", []),
        (CELLS[4].key, [5]),
        (CELLS[4].key[:8] if not CELLS[4].key[:8].isdecimal() else CELLS[4].key, [5]),
        ("svc, resnet50, narrowing", [2]),
        ("bulging,resnet50,svc", [6]),
        ("svc, resnet50", [2, 6]),
        ("svc(kernel=rbf), narrowing", [3]),
        ("svc( kernel=rbf ), targets=narrowing", [3]),
        ("cae_2d, bulging", [8]),
        ("heads=svc,encoders=cae_2d,targets=bulging", [8]),
        ("resnet50", [2, 3, 6, 7]),
        ("none", [1, 5]),
        ("", []),
    ],
)
def test_finds_what_is_meant(text, numbers):
    assert [CELLS.index(cell) + 1 for cell in named_cells(CELLS, text)] == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "svc, resnet50",
            r"names 2 cells of runs/x, which .*: 2 \(narrowing, resnet50, svc\), 6 \(bulging, resnet50, svc\)",
        ),
        ("resnet, narrowing", r"is no cell of runs/x \(none has 'resnet': did you mean 'resnet50'\?\)"),
        ("77", r"is no cell of runs/x \(they are numbered 1 to 8\)"),
        ("encoder=resnet50", r"'encoder' is no axis of the run: did you mean 'encoders'"),
    ],
)
def test_says_what_there_is(text, message):
    with pytest.raises(ResultsError, match=message):
        one_cell(CELLS, text, "runs/x")


def test_cells_that_differ_in_their_target_alone_are_told_apart_by_its_name():
    with pytest.raises(ResultsError, match="differ in their target: name it too, as in 'narrowing, svc, resnet50'"):
        one_cell(CELLS, "svc, resnet50", "runs/x")
    assert one_cell(CELLS, "narrowing, svc, resnet50", "runs/x") is CELLS[1]
    with pytest.raises(ResultsError, match=r"names 4 cells of runs/x: "):
        one_cell(CELLS, "resnet50", "runs/x")


def test_a_step_that_all_cells_have_may_be_named():
    same = [RunCell("ab" * 16, {"encoders": "raw_pixels(size=8)", "heads": head}, "y", ()) for head in ("svc", "knn")]
    assert named_cells(same, "raw_pixels, knn") == [same[1]]


def test_gains_over_a_cell_hold_for_every_target():
    assert steps_of(CELLS, "svc, resnet50", "runs/x") == steps_of(CELLS, "6", "runs/x")
    with pytest.raises(ResultsError, match="names 4 cells"):
        steps_of(CELLS, "resnet50", "runs/x")


def test_a_cell_is_found_by_its_own_number_wherever_it_is_in_the_run():
    some = [CELLS[6], CELLS[1], CELLS[2]]
    assert named_cells(some, "7") == [CELLS[6]]
    assert named_cells(some, "1") == []
    with pytest.raises(ResultsError, match=r"\(they are numbered 1 to 7; numbers of cells that left the grid are not"):
        one_cell(some, "1", "runs/x")


def test_a_list_leaves_out_steps_that_do_nothing():
    prior = "1 (narrowing, prior)"
    assert listed(CELLS, CELLS[:2]) == f"{prior}, 2 (narrowing, resnet50, svc)"
