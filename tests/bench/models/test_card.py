"""The card of a model says what its probabilities are."""

import re

from bench import api
from results.run_folder import read

FLOORS = ("prior", "location", "clinical", "pixels")


def test_a_card_says_that_classes_were_balanced_in_training(small, go, tmp_path):
    folder = go(small).folder
    keys = {cell.axes["balance"]: cell.key for cell in read(folder).cells if cell.head == "logistic"}
    assert set(keys) == {"none", "smote"}
    for balance, key in keys.items():
        api.fit(folder, key, tmp_path / balance, device="cpu", jobs=1, store=go.store)
        card = (tmp_path / balance / "MODEL_CARD.md").read_text()
        said = "Classes were balanced in training (smote): probabilities are as fitted" in card
        assert said == (balance == "smote")
        names = [line.split(" | ")[0] for line in card.splitlines() if line.startswith("| narrowing")]
        assert names == ["| narrowing", *(f"| narrowing, floor {head}" for head in FLOORS)]
        assert "EXPLORATORY: the rarest class is seen in " in card, "20 patients, of whom fewer have each class"
        assert not re.search(r"0\.\d{3} \[[^]]*\] \| 0\.\d+ \[", card), "an AUC has two digits"
