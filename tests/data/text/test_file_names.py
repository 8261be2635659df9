"""Names of files from texts."""

from data.text.file_names import file_name


def test_odd_signs_stay_in_the_folder_and_like_texts_have_names_of_their_own():
    taken: set[str] = set()
    texts = ["a/b", "a:b", "../a", "A_B", "grade v1.5", "grade v1.6", "stenose à gauche"]
    names = [file_name(text, taken) for text in texts]
    assert names == ["a_b", "a_b_2", ".._a", "A_B_3", "grade_v1.5", "grade_v1.6", "stenose_à_gauche"]


def test_long_texts_give_names_that_file_systems_take(tmp_path):
    taken: set[str] = set()
    for text in ("a" * 300, "a" * 301, "椎" * 120, "椎" * 121):
        name = file_name(text, taken)
        assert name[0] == text[0]
        (tmp_path / f"best_and_worst_cases_{name}.json").touch()
    assert len(taken) == len(list(tmp_path.iterdir())) == 4
