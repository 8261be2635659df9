from results.scores.labels import in_order, parse_step, shorten, split_outside_brackets


def test_fields_that_all_steps_of_a_name_share_are_left_out_but_weights_never():
    labels = [
        "svc(C=1.0, kernel=rbf)",
        "svc(C=1.0, kernel=linear)",
        "net(model=a, weights=random)",
        "knn(neighbours=5)",
    ]
    assert list(shorten(labels).values()) == ["svc(kernel=rbf)", "svc(kernel=linear)", "net(weights=random)", "knn"]


def test_a_field_that_only_some_steps_give_distinguishes_them():
    assert shorten(["svc", "svc(C=2.0)"]) == {"svc": "svc", "svc(C=2.0)": "svc(C=2.0)"}


def test_chains_are_shortened_part_by_part():
    labels = ["grayscale + clahe(tiles=8)", "grayscale + clahe(tiles=4)", "grayscale"]
    assert shorten(labels) == {label: label for label in labels}
    assert shorten(["a(x=1) + b", "b"]) == {"a(x=1) + b": "a + b", "b": "b"}


def test_values_may_hold_commas_in_brackets():
    assert shorten(["svc(tune={C: 1x2, D: 3}, C=1)", "knn"])["svc(tune={C: 1x2, D: 3}, C=1)"] == "svc"


def test_marks_after_the_brackets_stay():
    assert shorten(["svc(C=1) (tuned)"]) == {"svc(C=1) (tuned)": "svc (tuned)"}


def test_a_step_is_cut_into_name_and_fields_and_a_chain_only_outside_brackets():
    assert split_outside_brackets("a(x=b + c) + d", " + ") == ["a(x=b + c)", "d"]
    assert parse_step("svc(C=1, tune={C: [1, 2]}) (tuned)") == ("svc (tuned)", {"C": "1", "tune": "{C: [1, 2]}"})
    assert parse_step("knn") == ("knn", {})


def test_labels_sort_by_their_numbers_and_neighbours_follow_each_other():
    spine = ["T9/T10", "T10/T11", "T11/T12", "T12/L1", "L1/L2", "L2/L3"]
    assert in_order(sorted(spine)) == spine
    assert in_order(["b", "a10", "a9", "1/0", "0/1"]) == ["a9", "a10", "b", "0/1", "1/0"]
