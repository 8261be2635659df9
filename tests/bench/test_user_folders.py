"""A user's folder that clashes with what is there, or holds a broken file, is refused with the file's name."""

import importlib

import pytest

from bench import plugins
from data import ScangridError
from results.figures.base import FIGURES

FOLDERS = ("encoders", "heads", "results.figures", "results.tables.presets", "results.statistics.metrics")


@pytest.fixture(autouse=True)
def own_paths(monkeypatch):
    for name in FOLDERS:
        package = importlib.import_module(name)
        monkeypatch.setattr(package, "__path__", list(package.__path__))


def written(folder, file, text):
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)
    return folder


TAKEN = ("encoders/raw_pixels.py", "results/figures/roc.py", "results/tables/presets/ablation.py")


@pytest.mark.parametrize("file", TAKEN)
def test_a_name_that_is_taken_is_refused(file, tmp_path):
    with pytest.raises(ScangridError, match="already: give it another name"):
        plugins.add_folder(written(tmp_path, file, ""))


def test_the_same_name_in_two_folders_is_refused_and_the_same_folder_is_not(tmp_path, monkeypatch):
    one, other = (written(tmp_path / name, "heads/mine_twice.py", "") for name in ("one", "other"))
    plugins.add_folder(one)
    monkeypatch.chdir(tmp_path)
    plugins.add_folder(one.relative_to(tmp_path))
    with pytest.raises(ScangridError, match=r"mine_twice.*already"):
        plugins.add_folder(other)


@pytest.mark.parametrize("text", ["def (", "raise RuntimeError('boom')", "import no_such_module"])
def test_a_file_that_cannot_be_imported_is_named(text, tmp_path):
    plugins.add_folder(written(tmp_path, "heads/not_importable.py", text))
    with pytest.raises(ScangridError, match=r"heads/not_importable\.py can't be imported \(\w+: "):
        plugins.find("heads")
    plugins.add_folder(written(tmp_path / "more", "results/figures/not_importable.py", text))
    with pytest.raises(ScangridError, match=r"figures/not_importable\.py can't be imported \(\w+: "):
        list(FIGURES)
