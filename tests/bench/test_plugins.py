"""Plug-ins describe themselves: those of the project completely, others as far as their authors did."""

import dataclasses
import importlib.metadata
import inspect
import re
from dataclasses import dataclass

import pytest

from bench import fields as fields_of
from bench.contracts import checks, description
from bench.models.reopen import CellError, open_plan
from bench.plan import identity
from bench.plugins import KINDS, PluginError, UnknownPluginError, find, load, plugin_class
from bench.plugins import description as describe
from bench.tasks.store import Store
from data.describing.references import PACKAGES, bibliography
from heads.base import Head

ALL = [(kind, name) for kind in KINDS for name in find(kind)]
MODULES = {"opencv-python-headless": "cv2", "scikit-learn": "sklearn", "imbalanced-learn": "imblearn"}
MODULES |= {"simpleitk": "SimpleITK", "scikit-image": "skimage", "pynrrd": "nrrd"}


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_each_plug_in_of_the_project_is_described(kind, name):
    plugin = load(kind, name)
    found = describe(plugin)
    assert found.words and found.summary
    assert found.words[-1] != "." and "`" not in found.words
    for check in (description.describes_itself, description.computes_without_its_description):
        assert check in checks(kind)
        check(plugin)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_its_packages_are_known_and_imported_by_its_code(kind, name):
    plugin = load(kind, name)
    imported = {one.partition(".")[0] for one in identity.libraries([type(plugin).__module__])}
    for package in describe(plugin).packages:
        assert package in PACKAGES
        importlib.metadata.version(package)
        assert MODULES.get(package, package.replace("-", "_")) in imported


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_the_sources_in_its_docstring_have_entries(kind, name):
    document = inspect.getdoc(plugin_class(kind, name))
    sources = re.findall(r"doi:(10\.\S+?)[.,]?(?=\s|\)|$)|arXiv:(\d+\.\d+)", document)
    for source in (doi or arxiv for doi, arxiv in sources):
        assert any(source in entry for entry in bibliography().values()), source


@pytest.mark.parametrize(
    ("kind", "name", "fields", "cites", "facts"),
    [
        ("heads", "svc", {}, "platt1999", {"learns": "labels", "stops_early": False}),
        ("heads", "knn", {"calibration": "temperature"}, "guo2017", {}),
        ("heads", "mlp", {"patience": 0}, "kingma2015", {"stops_early": False, "weights": "random"}),
        ("heads", "lightgbm", {"patience": 5}, "ke2017", {"stops_early": True}),
        ("heads", "cascade", {"head": {"xgboost": {"patience": 3}}}, "frank2004", {"stops_early": True}),
        ("heads", "cascade", {"head": "xgboost"}, "chen2016", {"packages": ("xgboost",)}),
        ("heads", "xgboost_bagging", {"members": 1}, "breiman1996", {"averages": False}),
        ("heads", "own", {}, "", {"learns": "nothing"}),
        ("encoders", "resnet50", {"project": 8}, "russakovsky2015", {"weights": "pretrained", "projected": True}),
        ("encoders", "resnet50", {"project": 8, "project_by": "random"}, "he2016", {"projected": False}),
        ("encoders", "resnet50", {"weights": "random"}, "he2016", {"weights": "random", "licence": ""}),
        ("encoders", "resnet50", {}, "he2016", {"licence": "BSD-3-Clause", "learns": "nothing"}),
        ("encoders", "timm_backbone", {"model": "tf_efficientnetv2_s"}, "tan2021", {}),
        ("encoders", "finetuned", {"preset": "densenet121"}, "huang2017", {"learns": "labels", "stops_early": True}),
        ("encoders", "finetuned", {"validation": 0.0}, "liu2022", {"stops_early": False}),
        ("encoders", "cae_2d", {"variational": True}, "kingma2014", {"learns": "images", "stops_early": True}),
        ("encoders", "cae_3d", {"preset": "disc"}, "loshchilov2017", {"weights": "random"}),
        ("missing", "pseudo_modality", {}, "hoerl1970", {"stops_early": False, "weights": "", "packages": ()}),
        ("missing", "pseudo_modality", {"model": "vae"}, "wu2018", {"stops_early": True, "weights": "random"}),
        ("missing", "zeros", {}, "", {"learns": "nothing"}),
        ("fusion", "per_sequence", {}, "ilse2018", {"learns": "labels", "stops_early": True, "averages": True}),
        ("fusion", "per_sequence", {"pool": "mean"}, "", {"learns": "nothing", "stops_early": False, "weights": ""}),
        ("fusion", "early_attention_cnn", {"networks": 1}, "ilse2018", {"averages": False}),
        ("tables", "forest_onehot", {}, "stekhoven2012", {"learns": "columns"}),
        ("tables", "none", {}, "", {"learns": "nothing"}),
        ("balance", "class_weight", {}, "king2001", {"resamples": False}),
        ("balance", "undersample", {}, "lemaitre2017", {"resamples": True}),
        ("balance", "none", {}, "", {"resamples": False}),
        ("regions", "segmented", {"network": "unet"}, "isensee2021", {"learns": "images", "stops_early": True}),
        ("regions", "predicted", {"instance": "regression"}, "chen2019", {"packages": ("torch", "timm", "monai")}),
        ("regions", "whole", {}, "", {"learns": "nothing"}),
    ],
)
def test_the_fields_change_the_description(kind, name, fields, cites, facts):
    found = describe(load(kind, name, **fields))
    assert cites in found.cites if cites else not found.cites
    assert {fact: getattr(found, fact) for fact in facts} == facts


def test_papers_of_other_settings_are_not_cited():
    assert "myronenko2018" not in describe(load("regions", "segmented", network="unet")).cites
    assert "nibali2018" not in describe(load("regions", "predicted", coordinates="regression")).cites
    assert "russakovsky2015" not in describe(load("encoders", "efficientnet_lite0", weights="random")).cites
    assert "platt1999" not in describe(load("heads", "svc", calibration="none")).cites


def test_weights_from_a_file_have_no_licence_of_ours(tmp_path):
    file = tmp_path / "network.safetensors"
    file.write_bytes(b"weights")
    found = describe(load("encoders", "resnet50", weights=str(file)))
    assert (found.weights, found.licence) == ("file", "")
    assert "russakovsky2015" not in found.cites
    assert describe(load("regions", "segmented", weights=str(file))).learns == "nothing"


@dataclass(frozen=True, kw_only=True)
class Bare(Head):
    """Counts votes.

    More.
    """


@dataclass(frozen=True, kw_only=True)
class Undocumented(Head):
    calibration: str = "sigmoid"


def test_the_words_default_to_the_first_line_of_its_own_docstring_or_to_nothing():
    assert (describe(Bare()).words, describe(Bare()).summary) == ("", "Counts votes")
    assert (describe(Undocumented()).words, describe(Undocumented()).summary) == ("", "")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("words", 3, "words (3) must be a text"),
        ("cites", "platt1999", "cites ('platt1999') must be a tuple of texts"),
        ("packages", ("scipy", 1), "packages (('scipy', 1)) must be a tuple of texts"),
        ("cites", ("plat1999",), "did you mean 'platt1999'?"),
        ("describe", lambda self: self.nothing, "describe() fails (AttributeError"),
        ("describe", lambda self: self, "describe() gives a Bare, but must give a Description"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused_with_the_file(monkeypatch, variable, value, message):
    monkeypatch.setattr(Bare, variable, value)
    with pytest.raises(PluginError, match=re.escape(message)) as caught:
        describe(Bare())
    assert str(caught.value).startswith(__name__.replace(".", "/"))


def test_a_plug_in_that_computes_with_its_words_breaks_the_contract(tmp_path, monkeypatch):
    (tmp_path / "reads_words.py").write_text(
        "from heads.base import Head\n\n\nclass ReadsWords(Head):\n    words = 'five'\n\n"
        "    def build(self, *, seed, threads, device):\n        return len(self.words)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import reads_words

    with pytest.raises(AssertionError, match="build reads words: only describe may"):
        description.computes_without_its_description(reads_words.ReadsWords())


def test_an_unknown_plug_in_may_be_in_a_folder_of_the_user_unless_it_is_like_another(tmp_path):
    with pytest.raises(UnknownPluginError, match="for a plug-in of your own, name its folder with --plugins"):
        load("images", "median_blur")
    with pytest.raises(UnknownPluginError, match=r"did you mean 'clahe'\?$"):
        load("images", "clae")
    keys = ["name: mine", "data: {spider: {folder: scans}}", "targets: [a]", "sequences: [t1]", "images: [clae]"]
    (tmp_path / "grid.yaml").write_text("\n".join([*keys, "encoders: [raw_pixels]", "heads: [logistic]"]))
    with pytest.raises(CellError, match=r"was made with a plug-in of your own \(no plug-in 'clae' in images\): name"):
        open_plan(tmp_path, None, Store(tmp_path / "store"))


@pytest.mark.parametrize(
    ("kind", "name", "fields", "message"),
    [
        (
            "encoders",
            "efficientnet_lite0",
            {"weights": "imagnet"},
            "weights must be imagenet or random, not 'imagnet'",
        ),
        ("encoders", "efficientnet_lite0", {"precision": "fp61"}, "precision must be fp32 or bf16, not 'fp61'"),
        ("heads", "svc", {"kernel": "quadratic"}, "kernel must be linear or rbf, not 'quadratic'"),
        ("heads", "svc", {"tune": {"kernel": ["linear", "RBF"]}}, "kernel must be linear or rbf, not 'RBF'"),
        ("heads", "svc", {"gamma": "scal"}, "gamma must be a number or scale, not 'scal'"),
        ("heads", "knn", {"metric": "cosin"}, "metric must be cosine, euclidean or manhattan, not 'cosin'"),
        ("heads", "mlp", {"epochs": True}, "epochs must be a whole number, not True"),
        ("data", "image_table", {"orientation": "sagital"}, "axial or coronal, not 'sagital'"),
        ("data", "image_table", {"labels": ["a", 3]}, "labels must be a list of texts, not ('a', 3)"),
        ("regions", "point", {"size": [1, "a"]}, "size must be a list of 2 numbers, not (1, 'a')"),
    ],
)
def test_a_value_that_is_none_of_those_that_a_field_takes_is_refused(kind, name, fields, message):
    with pytest.raises(PluginError, match=re.escape(message) + "$"):
        load(kind, name, **fields)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_the_defaults_of_every_plug_in_have_the_types_that_it_declares(kind, name):
    cls = plugin_class(kind, name)
    assert fields_of.unfit(cls, vars(cls())) == ""
    assert set(vars(cls())) >= {field.name for field in dataclasses.fields(cls)}
    assert fields_of.types(cls), "no type could be looked up, so that any value would be taken"
