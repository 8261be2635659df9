"""This program as it was called, for messages that give the next command."""

from __future__ import annotations

import re
import sys
from pathlib import Path

NAME = "scangrid"
_PLAIN = re.compile(r"[\w./:+-][\w./:+=,-]*", re.ASCII)  # read alike by bash, zsh and PowerShell


def command(*words: object) -> str:
    """The line that calls this program with some words: `scangrid ...`, or `python run_benchmark.py ...` if called so.

    Words are quoted so that bash, zsh and PowerShell read them alike.
    """
    script = Path(sys.argv[0] if sys.argv else "")
    called = [NAME]
    if script.name == "run_benchmark.py":
        called = [sys.orig_argv[0] if sys.orig_argv else "python", str(script)]
    elif script.name == NAME and not _on_path(script):
        called = [str(script)]
    return " ".join(map(quoted, [*called, *words]))


def quoted(word: object) -> str:
    """A word for a shell, between quotes where a shell could read it as something else."""
    text = str(word)
    if _PLAIN.fullmatch(text):
        return text
    if "'" not in text:
        return f"'{text}'"
    if not re.search(r'["$`\\!]', text):
        return f'"{text}"'
    return "'" + text.replace("'", "'\"'\"'") + "'"  # bash and zsh


def _on_path(script: Path) -> bool:
    """Whether a shell finds the command by its name."""
    import shutil

    found = shutil.which(NAME)
    return found is not None and Path(found).resolve() == script.resolve()
