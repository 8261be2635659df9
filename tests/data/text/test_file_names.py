"""Names of files from texts."""

import itertools
import random
from hashlib import sha256

from data.text.file_names import file_name


def marked(plain, text):
    return f"{plain}-{sha256(text.encode()).hexdigest()[:8]}"


def test_plain_texts_are_their_own_names_and_others_end_in_a_digest():
    plain = ["a_b", "grade.v1.5", "a+b", "left-right", "stenose_à_gauche", "狭窄", "T2"]
    assert [file_name(text) for text in plain] == plain
    odd = {"a/b": "a_b", "a b": "a_b", "a:b": "a_b", "../a": "_a", "..": "_", ".": "_", "": "_", ".a": "a", "-rf": "rf"}
    odd |= {"a\0b": "a_b", "a\nb": "a_b", "x-12345678": "x-12345678", "e\u0301": "e_"}
    assert {text: file_name(text) for text in odd} == {text: marked(name, text) for text, name in odd.items()}


def test_texts_that_differ_in_capitals_alone_differ_where_capitals_do_not_count():
    assert file_name("a", ["A", "a"]) == "a"
    assert file_name("A", ["A", "a"]) == marked("A", "A")
    assert file_name("A", ["A", "b"]) == "A"


def test_every_text_has_a_name_of_its_own_that_a_file_can_have(tmp_path):
    signs = ["a", "A", "b", "/", "\\", ".", "..", " ", "_", "-", "\0", "\n", "椎", "é", "e\u0301", "😀", "%", ":"]
    texts = {"".join(each) for n in (1, 2, 3) for each in itertools.product(signs, repeat=n)}
    rng = random.Random(0)
    texts |= {"".join(rng.choices(signs, k=rng.randint(50, 400))) for _ in range(300)} | {"椎" * 80, "椎" * 81}
    names = {file_name(text, texts).casefold() for text in texts}
    assert len(names) == len(texts)
    for text in list(texts)[::50]:
        path = tmp_path / f"best_and_worst_cases_{file_name(text, texts)}.json"
        path.touch()
        assert path.parent == tmp_path and path.resolve().parent == tmp_path.resolve()
