"""Writes the parts of the pages that say what the code says: `python -m docs.reference`, or `--check`.

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; NAME is a function of `PARTS`.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from bench import plugins
from bench.grid import schema

PAGES = Path(__file__).parent / "pages"
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
                page.write_text(after, encoding="utf-8")
    for page in old:
        print(f"{page.relative_to(PAGES)}: " + ("is older than the code: run `make pages`" if check else "written"))
    return int(check and bool(old))


def commands() -> Iterator[str]:
    """Every command with its arguments and options, from the command line itself."""
    import typer

    import run_benchmark

    group: Any = typer.main.get_command(run_benchmark.app)
    for name, command in group.commands.items():
        parameters = [p for p in command.params if p.name != "help"]
        given = " ".join(_usage(p) for p in parameters if p.param_type_name == "argument")
        yield from (
            f"## {name}",
            "",
            command.help or "",
            "",
            "```sh",
            f"run_benchmark.py {name} {given} [OPTIONS]",
            "```",
        )
        yield from ("", "| | meaning | default |", "|---|---|---|")
        for parameter in parameters:
            yield f"| `{_spelled(parameter)}` | {_cell(parameter.help)} | {_default(parameter)} |"
        yield ""


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
            document = inspect.getdoc(cls) or ""
            yield from (f"### {kind}: {name}", "", _cell(document.partition("\n")[0]), "")
            meanings = plugins.arguments(document)
            fields = dataclasses.fields(cls)
            if fields:
                yield from ("| field | default | meaning |", "|---|---|---|")
            for field in fields:
                usual = field.default if field.default is not dataclasses.MISSING else {}
                yield f"| `{field.name}` | `{usual!r}` | {_cell(meanings.get(field.name))} |"
            if fields:
                yield ""


PARTS = {part.__name__: part for part in (commands, grid_keys, plugin_list)}


def _usage(parameter: Any) -> str:
    word = parameter.metavar or str(parameter.name).upper()
    return word if parameter.required else f"[{word}]"


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _usage(parameter)
    names = " / ".join([*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.type.name.upper()}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    usual = parameter.default() if callable(parameter.default) else parameter.default
    if parameter.is_flag:
        return "yes" if usual else "no"
    return "" if usual in (None, "", ()) else f"`{usual}`"


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


def _cell(text: str | None) -> str:
    """Text as it may stand in a cell of a Markdown table."""
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
