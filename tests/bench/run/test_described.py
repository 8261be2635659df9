"""The run folder describes its plug-ins."""

import json
from dataclasses import fields

import pytest

from bench import plugins
from bench.grid.cells import Cell, Step
from bench.plugins import PluginError
from bench.run.described import described, versions
from results.plug_ins import read_plug_ins
from results.run_folder import ResultsError, read

HEAD = '''
from dataclasses import dataclass
from heads.base import Head

@dataclass(frozen=True, kw_only=True)
class {name}(Head):
    """Ours."""

    cites = ("@misc{{ours2020, title={{{title}}}, year={{2020}}}}",)
    packages = ("no-such-distribution",)
'''


def test_every_step_of_every_cell_is_described_with_all_of_its_fields(go, small):
    outcome = go(small.replace("images: [grayscale,", "images: [grayscale + clahe: {clahe: {tiles: 2}},"))
    run, found = read(outcome.folder), read_plug_ins(outcome.folder)
    assert found.dataset.name == "spider"
    for cell in run.cells:
        for axis, label in cell.axes.items():
            for one in found.of(axis, label) if axis not in ("sequences", "drop") else ():
                known = {f.name for f in fields(plugins.plugin_class(axis, one.name))}
                assert set(one.fields) == known
                assert set(one.given) <= known
                assert set(one.cites) <= set(found.references)
                assert set(one.packages) <= set(found.packages)
    chain = found.of("images", "grayscale + clahe(tiles=2)")
    assert [one.name for one in chain] == ["grayscale", "clahe"]
    assert chain[1].given == {"tiles": "2"} and chain[1].fields == {"clip_limit": 2.0, "tiles": 2}
    floors = {"prior", "location", "clinical", "pixels"}
    assert {one.name for one in found.used if one.kind == "heads"} == floors | {"logistic", "knn"}
    assert found.packages["scipy"] == ("SciPy", "virtanen2020")
    [session] = json.loads((outcome.folder / "provenance.json").read_text())
    assert set(found.packages) <= set(session["versions"])


def test_a_folder_of_an_earlier_version_is_described_by_a_run_that_computes_nothing(go, small):
    folder = go(small).folder
    path = folder / "plugins.json"
    before = path.read_text()
    path.unlink()
    with pytest.raises(ResultsError, match=r"has no plugins\.json.*run the grid again"):
        read_plug_ins(folder)
    again = go(small)
    assert again.computed == 0
    assert path.read_text() == before


def test_one_key_for_two_entries_is_refused_and_a_foreign_package_may_be_absent(tmp_path, monkeypatch):
    (tmp_path / "heads").mkdir()
    for name, title in (("ours_a", "A"), ("ours_b", "B"), ("ours_c", "A")):
        (tmp_path / "heads" / f"{name}.py").write_text(HEAD.format(name=name.title().replace("_", ""), title=title))
    import heads

    monkeypatch.setattr(heads, "__path__", list(heads.__path__))
    plugins.add_folder(tmp_path)
    ours = [Cell({"heads": Step(name)}, "target") for name in ("ours_a", "ours_b", "ours_c")]
    found = described(Step("medmnist"), [ours[0], ours[2]])
    assert set(found["references"]) == {"harris2020", "mckinney2010", "yang2023", "ours2020"}
    assert versions(found)["no-such-distribution"] == "absent"
    with pytest.raises(PluginError, match="heads/ours_b: another plug-in has a different entry 'ours2020'"):
        described(Step("medmnist"), ours)
