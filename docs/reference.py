"""Writes the parts of the pages that are made from the code: `python -m docs.reference`, or `--check`.

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; NAME is a function of `PARTS`.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from bench import plugins
from bench.grid import axes as table_of_axes
from bench.grid import schema
from data.files.whole import replace_text

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "pages"
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


def main() -> int:
    """Writes the parts, or with `--check` only names the pages whose parts are old; 1 if there is one."""
    check = "--check" in sys.argv[1:]
    old = []
    for page in sorted(PAGES.rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = PART.sub(lambda found: found[1] + "\n" + "\n".join(PARTS[found[2]]()) + "\n\n" + found[3], before)
        if after != before:
            old.append(page)
            if not check:
                replace_text(page, after)
    for page in old:
        print(f"{page.relative_to(PAGES)}: " + ("is out of date: run `make pages`" if check else "written"))
    return int(check and bool(old))


def commands() -> Iterator[str]:
    """Every command with its arguments and options, from the functions of the command line."""
    import run_benchmark

    for command in run_benchmark.app.registered_commands:
        called: Any = command.callback
        name = command.name or called.__name__.replace("_", "-")
        options = [_Option(parameter, hint) for parameter, hint in _hinted(called)]
        words = " ".join(option.spelled for option in options if option.positional)
        yield from (f"## {name}", "", " ".join((inspect.getdoc(called) or "").split()), "")
        yield from ("```text", f"scangrid {name} {words} [OPTIONS]", "```", "")
        yield from ("| | meaning | default |", "|---|---|---|")
        for option in options:
            yield f"| `{option.spelled}` | {_cell(option.help)} | {option.usual} |"
        yield ""


def folders() -> Iterator[str]:
    """Every package of the project with the first line of its docstring."""
    yield from ("| folder | is |", "|---|---|")
    for top in ("data", "preprocessing", "encoders", "heads", "results", "bench"):
        for file in sorted(ROOT.joinpath(top).rglob("__init__.py")):
            first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
            yield f"| `{file.parent.relative_to(ROOT).as_posix()}/` | {_cell(first)} |"


def grid_keys() -> Iterator[str]:
    """Every key of a grid file, from the models that read it."""
    seen: list[type[BaseModel]] = []
    waiting: list[tuple[str, type[BaseModel]]] = [("", schema.GridFile)]
    while waiting:
        path, model = waiting.pop(0)
        if model in seen:
            continue
        seen.append(model)
        yield from (f"### {'`' + path + '`' if path else 'The file'}", "")
        if path:
            yield from (" ".join((inspect.getdoc(model) or "").split()), "")
        yield from ("| key | what it takes | default | meaning |", "|---|---|---|---|")
        for name, field in model.model_fields.items():
            inner = _model_in(field.annotation)
            if inner is not None:
                waiting.append((f"{path}.{name}" if path else name, inner))
            usual = "required" if field.is_required() else _plain(field.get_default(call_default_factory=True))
            takes = _taken(model, name)
            yield f"| `{name}` | {takes} | {usual} | {_cell(field.description)} |"
        yield ""


def plugin_list() -> Iterator[str]:
    """Every plug-in with what it is, its fields, their defaults and what they mean."""
    for kind in plugins.KINDS:
        yield from (f"## {kind}", "")
        for name in plugins.find(kind):
            cls = plugins.plugin_class(kind, name)
            described = plugins.description(cls())
            yield from (f"### {kind}: {name}", "", f"{_cell(described.summary)}. Learns from: {described.learns}.", "")
            meanings = plugins.meanings(cls)
            fields = dataclasses.fields(cls)
            if fields:
                yield from ("| field | default | meaning |", "|---|---|---|")
            for field in fields:
                usual = field.default if field.default is not dataclasses.MISSING else {}
                yield f"| `{field.name}` | `{_yaml(usual)}` | {_cell(meanings.get(field.name))} |"
            if fields:
                yield ""


def axes() -> Iterator[str]:
    """The table of the axes."""
    yield from ("| axis | meaning | default | joins with + | plug-ins |", "|---|---|---|---|---|")
    for axis in table_of_axes.AXES:
        usual = f"`{axis.default}`" if axis.default else "none: the grid names it" if axis.listed else "none"
        package = f"`{axis.package.replace('.', '/')}/`" if axis.package else ""
        yield f"| `{axis.name}` | {_cell(axis.meaning)} | {usual} | {'yes' if axis.joins else ''} | {package} |"


def presets() -> Iterator[str]:
    """The presets of tables."""
    from results.tables.presets import help_lines

    yield from ("| preset | shows |", "|---|---|")
    for name, text in help_lines():
        yield f"| `{name}` | {_cell(text)} |"


def metrics() -> Iterator[str]:
    """The metrics with what they mean."""
    from results.statistics.metrics import METRICS

    yield from ("| metric | in tables | meaning | best | reference |", "|---|---|---|---|---|")
    for name, one in METRICS.items():
        best = "lowest" if one.lower_is_better else "highest"
        yield f"| `{name}` | {_cell(one.label)} | {_cell(one.meaning)} | {best} | {_cell(one.reference)} |"


def figures() -> Iterator[str]:
    """The figures, in the order of a paper."""
    from results.figures import FIGURES

    yield from ("| figure | shows |", "|---|---|")
    for name, one in FIGURES.items():
        yield f"| `{name}` | {_cell(one.title)} |"


def python() -> Iterator[str]:
    """The functions of `bench.api` and the methods of a run, with their arguments."""
    from bench import api

    for name in sorted(api.__all__, key=str.lower):
        thing = getattr(api, name)
        if inspect.isfunction(thing):
            yield from _function(f"api.{name}", thing)
    for name, thing in vars(api.Results).items():
        if not name.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, property)):
            yield from _function(f"run.{name}", thing)


PARTS = {
    part.__name__: part for part in (axes, commands, figures, folders, grid_keys, metrics, plugin_list, presets, python)
}


def _function(name: str, thing: Any) -> Iterator[str]:
    """A function or property: how it is called, and its docstring with its sections as lists."""
    called: Any = thing.fget if isinstance(thing, property) else thing
    given = [p for p in inspect.signature(called).parameters.values() if p.name != "self"]
    words = [re.sub(r"PosixPath\((.*)\)", r"\1", str(p.replace(annotation=p.empty))) for p in given]
    star = next((i for i, p in enumerate(given) if p.kind is p.KEYWORD_ONLY), None)
    if star is not None:
        words.insert(star, "*")
    call = name if isinstance(thing, property) else f"{name}({', '.join(words)})"
    yield from (f"### {name}", "", "```python", *textwrap.wrap(call, 100, subsequent_indent="    "), "```", "")
    before, *sections = re.split(r"^(Args|Returns|Raises|Examples):\n", inspect.getdoc(called) or "", flags=re.M)
    yield from (before.strip(), "")
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        yield from (f"**{title}**", "")
        body = textwrap.dedent(body).strip("\n")
        if title == "Examples":
            yield from ("```pycon", *body.splitlines(), "```", "")
        elif title == "Returns":
            yield from (body, "")
        else:
            items = re.findall(r"^(\w+): (.*(?:\n +.*)*)", body, flags=re.M)
            yield from (*(f"- `{item}`: {' '.join(text.split())}" for item, text in items), "")


def _hinted(called: Any) -> Iterator[tuple[inspect.Parameter, Any]]:
    hints = get_type_hints(called, include_extras=True)
    for parameter in inspect.signature(called).parameters.values():
        yield parameter, hints[parameter.name]


class _Option:
    """An argument or option of a command as its help shows it."""

    def __init__(self, parameter: inspect.Parameter, hint: Any) -> None:
        kind, *about = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        info: Any = about[0] if about else None
        self.positional = info is not None and type(info).__name__ == "ArgumentInfo"
        self.help = info.help if info is not None else ""
        needed = parameter.default is inspect.Parameter.empty
        long = "--" + parameter.name.replace("_", "-")
        named = [getattr(info, "default", None), *(getattr(info, "param_decls", None) or [])]
        declared = next((name for name in named if isinstance(name, str) and name.startswith("--")), long)
        word = getattr(info, "metavar", None) or parameter.name.upper()
        if self.positional:
            self.spelled = word if needed else f"[{word}]"
        elif kind is bool:
            self.spelled = f"{declared} / {long.replace('--', '--no-')}" if parameter.default else declared
        else:
            self.spelled = f"{declared} {word}"
        usual = parameter.default
        if needed or usual is None or usual == "":
            self.usual = "needed" if needed else ""
        elif kind is bool:
            self.usual = "yes" if usual else "no"
        else:
            self.usual = f"`{usual}`"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a key holds: itself, in a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _taken(model: type[BaseModel], name: str) -> str:
    """What a key takes, from the JSON schema of its model."""
    return _words(model.model_json_schema()["properties"][name])


def _words(node: dict[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    if "anyOf" in node:
        parts = dict.fromkeys(_words(part) for part in node["anyOf"] if part.get("type") != "null")
        return " or ".join(parts)
    if "$ref" in node or "allOf" in node:
        return "a mapping, see below"
    kind = node.get("type")
    if kind == "array":
        return f"a list of: {_words(node.get('items', {}))}"
    if kind == "object":
        return "a mapping"
    least, most = node.get("minimum", node.get("exclusiveMinimum")), node.get("maximum", node.get("exclusiveMaximum"))
    word = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
    bounds = [f"from {least}" if "minimum" in node else f"above {least}"] if least is not None else []
    bounds += [f"to {most}" if "maximum" in node else f"below {most}"] if most is not None else []
    return " ".join([word.get(str(kind), "anything"), *bounds])


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "the defaults below"
    if value is None or value in ([], {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _yaml(value: Any) -> str:
    """A default as a grid file has it."""
    return value if isinstance(value, str) and value else json.dumps(value)


def _cell(text: str | None) -> str:
    """Text as it may stand in a cell of a Markdown table."""
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
