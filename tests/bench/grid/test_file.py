"""Grid files: what they may hold, and errors that name the line."""

import pytest

from bench.grid.cells import Step, is_floor, matches, read_rule
from bench.grid.file import read_grid
from bench.grid.tree import GridError
from data.text.file_names import file_name

GOOD = """\
data:
  spider: {folder: scans}
targets: [narrowing, {modic: {merge: {2: 1, 3: 1}}}]
sequences: [t2, t1 + t2]
regions:
  - mask: {slices: [1, 3]}
images: [grayscale, grayscale + clahe]
encoders:
  - raw_pixels: {size: 16}
  - timm_backbone: {weights: random}
heads:
  - logistic
  - svc: {C: [0.1, 1.0], kernel: rbf}
protocol: {folds: 3}
"""


def read(tmp_path, text, settings=None):
    file = tmp_path / "grid.yaml"
    file.write_text(text)
    return read_grid(file, settings)


def test_a_list_of_values_is_an_axis_and_a_plus_is_a_chain(tmp_path):
    grid = read(tmp_path, GOOD)
    assert [s.label() for s in grid.axes["regions"]] == ["mask(slices=1)", "mask(slices=3)"]
    assert [s.label() for s in grid.axes["images"]] == ["grayscale", "grayscale + clahe"]
    assert grid.axes["sequences"][1].parts == (Step("t1"), Step("t2"))
    assert [s.label() for s in grid.axes["heads"]] == ["logistic", "svc(C=0.1, kernel=rbf)", "svc(C=1.0, kernel=rbf)"]
    assert [s.label() for s in grid.axes["balance"]] == ["none"]
    assert grid.targets[1].merge == {"2": "1", "3": "1"}
    assert grid.name == "grid"


def test_cells_are_the_product_of_the_axes_and_floors_come_once_for_each_target_and_sequences(tmp_path):
    cells = list(read(tmp_path, GOOD).cells(clinical=True))
    floors = [c for c in cells if is_floor(c)]
    # prior, location and clinical x targets x sequences, presence where there are several, pixels for each region too
    assert len(floors) == 3 * 2 * 2 + 2 + 2 * 2 * 2
    assert (
        len(cells) - len(floors) == 2 * (2 * 2 * 2 * 2) * 3
    )  # targets x (sequences, regions, images, encoders) x heads


def test_a_tuple_field_takes_a_plain_list_and_lists_of_lists_are_an_axis(tmp_path):
    text = GOOD.replace("- raw_pixels: {size: 16}", "- cae_2d: {channels: [8, 16]}\n  - cae_2d: {channels: [[4], [8]]}")
    labels = [s.label() for s in read(tmp_path, text).axes["encoders"]]
    assert labels[:3] == ["cae_2d(channels=8x16)", "cae_2d(channels=4)", "cae_2d(channels=8)"]


def test_values_to_choose_from_do_not_look_like_a_size_and_keys_stay(tmp_path):
    tuned = "- lightgbm: {tune: {leaves: [7, 31], learning_rate: [0.1, 1.0]}}"
    grid = read(tmp_path, GOOD.replace("- logistic", tuned))
    step = grid.axes["heads"][0]
    assert step.label() == "lightgbm(tune={leaves: [7, 31], learning_rate: [0.1, 1.0]})"
    assert step.in_key() == "lightgbm(tune={leaves: 7x31, learning_rate: 0.1x1.0})"  # as cells were always keyed
    cell = next(one for one in grid.cells(clinical=True) if one["heads"] == step)
    assert f"heads: {step.in_key()}" in cell.own_labels() and cell.labels()["heads"] == step.label()
    assert read_rule(f"heads={step.label()},images=grayscale") == {"heads": step.label(), "images": "grayscale"}
    assert matches(cell, read_rule(f"heads={step.label()}"))
    assert file_name(step.label()) != file_name(step.label().replace("7, 31", "7, 30"))


def test_settings_replace_values_and_environment_variables_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANS", "/somewhere")
    grid = read(tmp_path, GOOD.replace("scans", "${SCANS}/x"), ["protocol.folds=4", "heads=[knn]", "name=other"])
    assert grid.protocol.folds == 4
    assert [s.name for s in grid.axes["heads"]] == ["knn"]
    assert dict(grid.data.fields) == {"folder": "/somewhere/x"}
    assert grid.name == "other"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("heads=[svm]", r"^--set heads=\[svm\]: heads\.0: no plug-in 'svm' in heads"),
        ("protocol.fold=4", r"^--set protocol\.fold=4: 'protocol\.fold' is no key of a grid: did you mean"),
        ("protocol={folds: x}", r"^--set protocol=\{folds: x\}: 'protocol\.folds' "),
        ("name=a/b", r"^--set name=a/b: 'name' "),
    ],
)
def test_a_wrong_setting_is_named_and_not_a_line_of_the_file(tmp_path, setting, message):
    with pytest.raises(GridError, match=message):
        read(tmp_path, GOOD, ["protocol.seed=1", setting])


def test_a_line_of_the_file_is_named_beside_a_setting_of_another_key(tmp_path):
    with pytest.raises(GridError, match=r"grid\.yaml:12: heads\.0: no plug-in 'logistik'"):
        read(tmp_path, GOOD.replace("- logistic", "- logistik"), ["protocol.folds=4", "targets=[narrowing]"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("heads:", "haeds:", r"grid.yaml:11: 'haeds' is no key of a grid: did you mean 'heads'"),
        ("- logistic", "- logistik", r"grid.yaml:12: heads.0: no plug-in 'logistik' in heads: did you mean 'logistic'"),
        ("C: [0.1, 1.0]", "D: 1", r"grid.yaml:13: 'heads.1.svc.D' is no field of svc"),
        (
            "C: [0.1, 1.0]",
            "C: [0.1, high]",
            r"grid.yaml:13: 'heads.1.svc.C' must be a number, not 'high'",
        ),
        ("folds: 3", "folds: 1", r"grid.yaml:14: 'protocol.folds' input should be greater than or equal to 2, not 1"),
        (
            "folds: 3",
            "folds: 3, threshold: youdens",
            r"grid.yaml:14: 'protocol.threshold' must be argmax, priors, f1, balanced_accuracy, youden or such as",
        ),
        ("folds: 3", "flods: 3", r"grid.yaml:14: 'protocol.flods' is no key of a grid: did you mean 'folds'"),
        (
            "- raw_pixels: {size: 16}",
            "- raw_pixels: {siez: 16}",
            r"grid.yaml:9: .*no field of raw_pixels: did you mean 'size'",
        ),
        ("grayscale + clahe", "grayscale + clage", r"grid.yaml:7: .*'clage'.*did you mean 'clahe'"),
        ("- logistic", "- logistic + knn", r"joins with '\+', which only sequences, images, encoders do"),
        ("- logistic", "- logistic\n  - logistic", r"'heads' names 'logistic' twice"),
        ("folds: 3", "folds: 3, seed: 4294967296", r"'protocol.seed' input should be less than 4294967296"),
        ("targets: [", "targets: [modic, ", r"'targets.2' names 'modic' twice"),
        ("- logistic", "- logistic: {C: -1}", r"grid.yaml:12: heads.0.logistic: .*C \(-1\) must be above 0"),
        ("- logistic", "- pixels: {C: 1.0}", r"'heads.0.pixels' takes no fields: pixels is a floor"),
        ("{2: 1, 3: 1}", "[2, 1]", r"'targets.1.modic.merge' must map labels to labels"),
        (
            "scans",
            "${NOT_SET_ANYWHERE}",
            r"grid.yaml:2: needs the environment variable NOT_SET_ANYWHERE, which is not set",
        ),
        ("data:\n  spider: {folder: scans}\n", "", r"'data' is missing"),
        ("  spider: {folder: scans}", "  spidre: {folder: scans}", r"grid.yaml:2: .*no plug-in 'spidre'.*'spider'"),
        (
            "protocol: {folds: 3}",
            "protocol: {folds: 3}\nexclude: [{head: svc}]",
            r"'exclude.0.head' is no axis: did you mean 'heads'",
        ),
        (
            "protocol: {folds: 3}",
            "protocol: {folds: 3}\ncompare: [{against: locations}]",
            r"'compare.0.against' \(locations\) must be one of prior, location, presence, clinical, pixels, best",
        ),
        (
            "protocol: {folds: 3}",
            "protocol: {folds: 3}\ncompare: [{against: {heads: logistic}}]",
            r"'compare.0.against' must name one cell of narrowing, and names \d+, which differ in sequences: t2",
        ),
        (
            "protocol: {folds: 3}",
            "exclude: [{sequences: t2, heads: logistic}]\ncompare: [{against: {sequences: t2, heads: logistic}}]",
            r"of narrowing, and names none; without sequences: t2 it names 8, without heads: logistic it names \d",
        ),
        ("heads:\n", "heads: [\n", r"grid.yaml:\d+: not YAML"),
        ("[t2, t1 + t2]", "t2", r"grid.yaml:4: 'sequences' must be a list: write sequences: \[t2\]"),
        ("[t2, t1 + t2]", "[]", r"grid.yaml:4: 'sequences' is empty: name at least one"),
    ],
)
def test_an_error_names_the_line_the_key_and_the_nearest_name(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(GridError, match=message):
        read(tmp_path, GOOD.replace(old, new))


def test_a_missing_file_and_a_file_that_is_no_mapping_are_named(tmp_path):
    with pytest.raises(GridError, match="cannot read the grid file"):
        read_grid(tmp_path / "none.yaml")
    with pytest.raises(GridError, match="a grid file is a mapping"):
        read(tmp_path, "- a\n- b\n")
    with pytest.raises(GridError, match="expected key=value"):
        read(tmp_path, GOOD, ["folds"])


def test_every_grid_of_the_project_can_be_read(monkeypatch):
    from pathlib import Path

    for name in ("SCANGRID_SHARED", "SCANGRID_SPEED_DATA", "SCANGRID_RSNA", "SCANGRID_OAI"):
        monkeypatch.setenv(name, "/data")
    grids = sorted((Path(__file__).resolve().parents[3] / "grids").glob("*.yaml"))
    assert grids
    for file in grids:
        assert list(read_grid(file).cells())


@pytest.mark.parametrize(
    ("axis", "name", "fields", "message"),
    [
        (
            "regions",
            "segmented",
            "network: swinunetr",
            "network' must be segresnet, unet or swin_unetr, not 'swinunetr'",
        ),
        ("regions", "segmented", "width: [8, 9]", r"width \(9\) of segresnet must be a multiple of 8"),
        ("regions", "segmented", "patch: [100, 96]", r"patch \(100, 96\) must be .*multiples of 8"),
        ("regions", "segmented", "epochs: 0", r"epochs \(0\) must be 1 or more"),
        ("regions", "predicted", "instance: guess", "instance' must be slices or regression, not 'guess'"),
        ("regions", "predicted", "validation: 1.5", r"validation \(1.5\) must be from 0 to below 1"),
        ("encoders", "cae_2d", "latent: -1", r"latent \(-1\) must be 1 or more"),
        ("encoders", "cae_3d", "validation: 1.5", r"validation \(1.5\) must be from 0 to below 1"),
        ("encoders", "finetuned", "learning_rate: 0.0", r"learning_rate \(0.0\) must be above 0"),
    ],
)
def test_fields_that_a_plug_in_refuses_are_named_with_their_line(tmp_path, axis, name, fields, message):
    lines = GOOD.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(axis)) + 1
    text = "\n".join([*lines[:first], f"  - {name}: {{{fields}}}", *lines[first:]])
    with pytest.raises(GridError, match=rf"grid.yaml:{first + 1}: .*{name}(: |.){message}"):
        read(tmp_path, text)


NO_YAML = {
    "deep": ("a: " + "[" * 5000, "nested (too deeply|deeper than 50)"),
    "deep mappings": ("\n".join(" " * i + "a:" for i in range(2000)), "nested (too deeply|deeper than 50)"),
    "aliases": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)),
        "more than 20000 values",
    ),
    "a circle": ("a: &a [[*a]]", "stands inside of what it names|in a circle"),
    "twice": ("name: a\nname: b", "found duplicate key"),
}


@pytest.mark.parametrize("kind", NO_YAML)
def test_hostile_yaml_is_named_in_one_line(tmp_path, kind):
    text, why = NO_YAML[kind]
    with pytest.raises(GridError, match=rf"grid\.yaml.*({why})") as found:
        read(tmp_path, text)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("value", ["[1", "!!python/object:os.system x", "{", "&a [*b]", "[" * 3000])
def test_values_of_set_that_are_no_yaml_are_named_in_one_line(tmp_path, value):
    with pytest.raises(
        GridError, match=r"--set protocol\.folds '.*': (not YAML|nested).*: put texts with signs in quotes"
    ) as found:
        read(tmp_path, GOOD, [f"protocol.folds={value}"])
    assert "\n" not in str(found.value) and len(str(found.value)) < 500


def test_a_field_of_two_types_takes_both():
    """The label of a structure is a column's name or the number itself."""
    given = {
        "name": "g",
        "data": {"spider": {}},
        "targets": ["narrowing"],
        "sequences": ["t2"],
        "encoders": ["raw_pixels"],
    }
    grid = read_grid({**given, "heads": ["logistic"], "regions": [{"mask": {"label": [1, "disc_label"]}}]})
    assert [step.load("regions").label for step in grid.axes["regions"]] == [1, "disc_label"]
    with pytest.raises(GridError, match=r"must be a text or a whole number, not 1\.5"):
        read_grid({**given, "heads": ["logistic"], "regions": [{"mask": {"label": 1.5}}]})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("t1 + t2]", "t2 + t2]", "grid.yaml:4: .*joins 't2' with itself"),
        ("  - logistic", "  - logistic: {tune: {CC: [1]}}", "grid.yaml:12: .*no field 'CC' to tune: did you mean 'C'"),
    ],
)
def test_what_no_run_could_use_is_refused_when_the_grid_is_read(tmp_path, old, new, message):
    with pytest.raises(GridError, match=message):
        read(tmp_path, GOOD.replace(old, new))
