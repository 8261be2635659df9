"""The card of a model says what its probabilities are."""

from bench import api
from results.run_folder import read


def test_a_card_says_that_classes_were_balanced_in_training(small, go, tmp_path):
    folder = go(small).folder
    keys = {cell.axes["balance"]: cell.key for cell in read(folder).cells if cell.head == "logistic"}
    assert set(keys) == {"none", "smote"}
    for balance, key in keys.items():
        api.fit(folder, key, tmp_path / balance, device="cpu", jobs=1, store=go.store)
        card = (tmp_path / balance / "MODEL_CARD.md").read_text()
        said = "Classes were balanced in training (smote): probabilities are as fitted" in card
        assert said == (balance == "smote")
