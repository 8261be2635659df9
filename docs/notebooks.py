"""Runs a notebook, keeps its outputs, and writes it as a page: `python -m docs.notebooks [NAME ...]`.

A notebook of `docs/` is run from there, cell by cell, as Jupyter would. What a cell prints, and the value of its last
line, are kept in the notebook and shown in `pages/`; pictures go to `pages/pictures/NAME_N.png`.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.files.whole import replace_text

DOCS = Path(__file__).resolve().parent
PAGES = {"demo": DOCS / "pages" / "notebook.md", "disc_pipeline": DOCS / "pages" / "gallery" / "disc_pipeline.md"}
Cell = dict[str, Any]


def main(names: list[str]) -> None:
    """Runs the notebooks named, or all, and writes them and their pages."""
    for name in names or list(PAGES):
        path = DOCS / f"{name}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        run(notebook["cells"])
        replace_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
        replace_text(PAGES[name], page(name, notebook["cells"]))
        print(f"{path.name}: run; {PAGES[name].relative_to(DOCS)}: written")


def run(cells: list[Cell]) -> dict[str, Any]:
    """Runs the cells of code in order, in `docs/`, and puts their outputs into them; gives their names."""
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "notebook"}
    before, path, settings = Path.cwd(), list(sys.path), plt.rcParams.copy()
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    with tempfile.TemporaryDirectory(prefix="notebook-") as place:
        kept, tempfile.tempdir = tempfile.tempdir, place
        plt.switch_backend("Agg")
        os.chdir(DOCS)
        try:
            for number, cell in enumerate(code, 1):
                cell["execution_count"], cell["outputs"] = number, list(_outputs(cell, number, names, place))
        finally:
            os.chdir(before)
            sys.path[:], tempfile.tempdir = path, kept
            plt.close("all")
            dict.update(plt.rcParams, settings)
    return names


def page(name: str, cells: list[Cell]) -> str:
    """A notebook as Markdown; writes its pictures."""
    pictures = DOCS / "pages" / "pictures"
    for old in pictures.glob(f"{name}_[0-9]*.png"):
        old.unlink()
    parts, drawn = [], 0
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(_relinked(source, PAGES[name]))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                drawn += 1
                file = pictures / f"{name}_{drawn}.png"
                file.write_bytes(base64.b64decode(data["image/png"]))
                caption = "".join(data["text/plain"])
                seen = re.split(r"[.;] ", caption)[0].rstrip(".")
                parts.append(f"![{seen}]({os.path.relpath(file, PAGES[name].parent)})")
            else:
                parts.append("```text\n" + "".join(data["text/plain"]).strip("\n") + "\n```")
    kept = (
        f"*This page is the notebook `docs/{name}.ipynb`, run from top to bottom. Start it with Jupyter to change it.*"
    )
    return "\n\n".join([parts[0], kept, *parts[1:]]) + "\n"


def _outputs(cell: Cell, number: int, names: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
    """Runs a cell and gives its outputs: what it prints, its open figures, the value of its last line."""
    import matplotlib.pyplot as plt

    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)  # type: ignore[attr-defined]
    if printed.getvalue():
        yield {"name": "stdout", "output_type": "stream", "text": _lines(_nameless(printed.getvalue(), place))}
    for figure in map(plt.figure, plt.get_fignums()):
        yield {"data": _picture(figure), "metadata": {}, "output_type": "display_data"}
    plt.close("all")
    if hasattr(value, "savefig"):
        yield {"data": _picture(value), "metadata": {}, "output_type": "display_data"}
    elif value is not None and value.__class__.__module__.split(".")[0] != "matplotlib":
        yield {
            "data": {"text/plain": _lines(_nameless(repr(value), place))},
            "execution_count": number,
            "metadata": {},
            "output_type": "execute_result",
        }


def _picture(figure: Any) -> dict[str, Any]:
    """A figure as PNG of 64 colours, which keeps a notebook small, with its caption as text."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=min(figure.dpi, 110) if not hasattr(figure, "caption") else 130)
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    text = getattr(figure, "caption", "") or "A figure drawn by the code above"
    return {"image/png": base64.b64encode(small.getvalue()).decode(), "text/plain": _lines(text)}


def _nameless(text: str, place: str) -> str:
    """Text without the name of the temporary folder."""
    return re.sub(re.escape(place) + r"/[\w-]+", "WORK", text)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _relinked(source: str, to: Path) -> str:
    """Links of a notebook in `docs/` as they are from its page; a link out of the pages becomes its path."""

    def link(found: re.Match[str]) -> str:
        target = (DOCS / found[2]).resolve()
        if target.is_relative_to(DOCS / "pages"):
            return f"[{found[1]}]({os.path.relpath(target, to.parent)})"
        return f"`{target.relative_to(DOCS.parent)}`"

    return re.sub(r"\[([^\]]+)\]\(((?!http|#)[^)#]+)\)", link, source)


if __name__ == "__main__":
    main(sys.argv[1:])
