"""Makes the outputs in the pages again: `python -m docs.gallery [PAGE ...] [--run] [--check]`.

In a page, a block of commands and what they print stand together:

    ```sh
    scangrid tables runs/discs_2d
    ```
    <!-- output -->
    ...
    <!-- made 2026-11-29 by code 0123456789ab -->

The words after `output` decide how it is shown: none as text in a box, `markdown` as it is, `picture FILE` shows a
picture that the commands drew, with the text in its brackets. `long` marks commands that take minutes. A block
that only bash reads so is marked `bash` instead of `sh`.

Without `--run` the outputs are made from finished runs: what is `long` or lacks its run is left as it is, and of a
command that runs a grid only its pictures are copied. With `--run` all commands of the named pages are run, also those
without an output: this computes the runs. `--check` only names the outputs that are older than the code that prints
them.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from data.files.whole import replace_file, replace_text

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "pages"
PICTURES = PAGES / "pictures"
BLOCK = re.compile(
    r"^```(?P<shell>sh|bash)\n(?P<commands>.*?)^```\n"
    r"(?:\n?<!-- output(?P<words>.*?) -->\n"
    r"(?P<body>.*?)<!-- (?:made (?P<day>\S+) by code (?P<code>\S+)|not made) -->\n)?",
    re.DOTALL | re.MULTILINE,
)


def main(words: list[str]) -> int:
    """Makes the outputs of the pages named, or of all; 1 where a command failed."""
    named = [word for word in words if not word.startswith("--")]
    pages = [page for page in sorted(PAGES.rglob("*.md")) if not named or page.stem in named]
    unknown = [*set(named).difference(page.stem for page in pages), *({*words} - {*named, "--run", "--check"})]
    if unknown:
        print(f"no page or option {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    if "--check" in words:
        for page in pages:
            old = sum(found["code"] != code(page, found) for found in _outputs(page))
            if old:
                print(f"{page.relative_to(PAGES)}: {old} outputs are older than the code: make gallery")
        return 0
    return max(_make(page, everything="--run" in words) for page in pages)


def code(page: Path, block: re.Match[str]) -> str:
    """The digest of the code that prints an output.

    That is `results/` and the grids of the page. Where the commands only call studies, it is the studies and what they
    import in place of `results/`.
    """
    studies = [ROOT.joinpath(*name.split(".")) for name in re.findall(r"-m (tests[\w.]+)", block["commands"])]
    files: set[Path] = set()
    if not studies or re.search(r"run_benchmark\.py|\bscangrid ", block["commands"]):
        files |= set((ROOT / "results").rglob("*.py"))
    waiting = [file for one in studies for file in (one.rglob("*.py") if one.is_dir() else [one.with_suffix(".py")])]
    while waiting:
        if (file := waiting.pop()) not in files:
            files.add(file)
            waiting += _imports(file.read_text(encoding="utf-8"))
    files |= {ROOT / name for name in re.findall(r"\bgrids/\w+\.\w+", page.read_text(encoding="utf-8"))}
    lines = [f"{path.relative_to(ROOT)} {_meaning(path)}" for path in sorted(files) if path.is_file()]
    return hashlib.sha256("\n".join([block["commands"], *lines]).encode()).hexdigest()[:12]


@cache
def _imports(text: str) -> list[Path]:
    """The project's files that a file with this text imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
    places = [ROOT.joinpath(*name.split(".")) for name in names]
    return [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]


def _meaning(path: Path) -> str:
    """A file's text; of Python the syntax without docstrings and comments."""
    text = path.read_text(encoding="utf-8")
    return _syntax(text) if path.suffix == ".py" else text


@cache
def _syntax(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    return ast.dump(tree)


def _outputs(page: Path) -> list[re.Match[str]]:
    return [found for found in BLOCK.finditer(page.read_text(encoding="utf-8")) if found["words"] is not None]


def _make(page: Path, *, everything: bool) -> int:
    """Makes the outputs of a page that can be made; 1 where a command failed."""
    text, failed = page.read_text(encoding="utf-8"), 0
    place = page.relative_to(PAGES)
    for block in list(BLOCK.finditer(text)):
        commands, words = block["commands"], block["words"]
        if not everything:
            if words is None:
                continue
            lacking = [
                one for one in re.findall(r"\bruns/\w+", commands + words) if not (ROOT / one / "run.json").is_file()
            ]
            if lacking or "long" in words.split():
                why = f"there is no {lacking[0]}" if lacking else "it takes long"
                print(f"{place}: an output stays as it is, {why}: python -m docs.gallery {page.stem} --run")
                continue
        printed = ""
        if everything or not re.search(r" run grids/|make benchmark", commands):
            done = subprocess.run(
                ["bash", "-euc", commands], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
            )
            printed = done.stdout
            if done.returncode:
                print(f"{place}: failed: {commands.strip()}\n{done.stderr[-2000:]}", file=sys.stderr)
                failed = 1
                continue
        if words is not None:
            made = f"made {datetime.now(UTC):%Y-%m-%d} by code {code(page, block)}"
            shown = _shown(page, block, printed)
            new = f"```{block['shell']}\n{commands}```\n\n<!-- output{words} -->\n\n{shown}\n\n<!-- {made} -->\n"
            text = text.replace(block[0], new)
            print(f"{place}: {made}")
    replace_text(page, text)
    return failed


def _shown(page: Path, block: re.Match[str], printed: str) -> str:
    """What stands in the page: a box of text, Markdown, or pictures copied beside the other pictures."""
    words = block["words"].split()
    if "picture" in words:
        return "\n\n".join(_pictures(page, block))
    return printed.strip() if "markdown" in words else f"```text\n{printed.strip(chr(10))}\n```"


def _pictures(page: Path, block: re.Match[str]) -> Iterable[str]:
    for text, name in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", block["words"]):
        (source,) = ROOT.glob(name)  # the name of a folder may be a key, which the code decides
        run = Path(name).parts[1]
        copy = PICTURES / "_".join(dict.fromkeys([page.stem, run, source.name]))
        replace_file(copy, partial(shutil.copyfile, source))
        yield f"![{text}]({os.path.relpath(copy, page.parent)})"


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # `scangrid` lies there
    return {"SCANGRID_SHARED": "../shared", **os.environ, "COLUMNS": "120", "PYTHONPATH": str(ROOT), "PATH": path}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
