"""`plugins.json` of a synthetic run folder: the project's own plug-ins as the engine describes them."""

import json

from bench.grid.cells import Cell, Step
from bench.plugins import PluginError
from bench.run.described import described
from results.scores.labels import parse_step, split_outside_brackets

WITHOUT = ("sequences", "drop")
DATA = Step("medmnist")


def write_plugins(folder, dataset, cells, more=()):
    """Describes the dataset and the steps of some cells, given as in `cells.json`.

    What is no plug-in of the project, or names a field that it does not have, is written with its name alone.

    Args:
        folder: The run folder.
        dataset: As in `run.json`.
        cells: As in `cells.json`.
        more: Records of other plug-ins.
    """
    found = described(DATA, [])
    found["plugins"] = []
    labels = [("data", dataset.partition(" (")[0])]
    labels += [
        (axis, part)
        for cell in cells
        for axis, label in cell["axes"].items()
        if axis not in WITHOUT
        for part in split_outside_brackets(label, " + ")
        if part != "none"
    ]
    others = {(one["kind"], one["label"]): one for one in more}
    for kind, label in dict.fromkeys(labels):
        name, given = parse_step(label)
        fields = tuple((field, value(text)) for field, text in given.items())
        try:
            step = Step(name, fields)
            one = described(step, []) if kind == "data" else described(DATA, [Cell({kind: step}, "")])
            found["plugins"].append(one["plugins"][-1] | {"label": label})
            found["references"] |= one["references"]
            found["packages"] |= one["packages"]
        except PluginError:
            bare = {"kind": kind, "name": name, "label": label, "given": given, "cites": [], "packages": []}
            found["plugins"].append(others.get((kind, label), bare))
    (folder / "plugins.json").write_text(json.dumps(found, default=str))


def value(text):
    """A field's value from how a label shows it."""
    if "x" in text and all(part.replace(".", "").isdecimal() for part in text.split("x")):
        return tuple(float(part) for part in text.split("x"))
    try:
        return json.loads(text)
    except ValueError:
        return text
