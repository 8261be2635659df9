"""Tables that the project wrote keep the names of patients."""

from pathlib import Path

import pandas as pd
import pytest

from data.text.csv_tables import EXCLUDED, read_csv

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["NA", "null", "None", "n/a", "nan", "003", "1e5"])
def test_a_name_survives_a_round_trip_and_numbers_stay_numbers(tmp_path, name):
    table = pd.DataFrame({"patient": [name, "b"], "fold": [0, 1], "score": [0.5, None]})
    table.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), table, check_dtype=False)


def test_empty_columns_of_exclusions_are_empty_texts(tmp_path):
    (tmp_path / "excluded.csv").write_text("file,sample,sequence,reason\na.png,,,why\n")
    read = read_csv(tmp_path / "excluded.csv", text=EXCLUDED).fillna("")
    assert read.to_dict("records") == [{"file": "a.png", "sample": "", "sequence": "", "reason": "why"}]


def test_no_table_is_read_with_the_usual_words_for_missing_values():
    folders = ("bench", "data", "encoders", "heads", "preprocessing", "results")
    texts = {path: path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    calls = {str(path): text.count("pd.read_") - text.count("pd.read_parquet(") for path, text in texts.items()}
    careful = {str(path): text.count("keep_default_na=False") for path, text in texts.items()}
    assert {path: n for path, n in calls.items() if n != careful[path]} == {}
