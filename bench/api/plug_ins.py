"""Lists and checks plug-ins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Checked(NamedTuple):
    """One rule of the contract of a plug-in.

    Args:
        rule: What must hold, in words.
        error: Why it does not; empty where it does.
    """

    rule: str
    error: str


def plugins(kind: str | None = None, *, plugins: str | Path | None = None) -> str:
    """Lists the plug-ins of a kind with what they are, their fields and defaults.

    Args:
        kind: Such as `"encoders"` or `"heads"`; None lists all kinds.
        plugins: A folder of your own plug-ins, of the project's shape.

    Returns:
        Lines of text.

    Raises:
        PluginError: There is no such kind.

    Examples:
        >>> print(api.plugins("heads"))
    """
    add_folder(plugins)
    from bench.plugins import KINDS, describe

    return "\n\n".join("\n".join(describe(one)) for one in ([kind] if kind else KINDS))


def check(kind: str, name: str, *, settings: Sequence[str] = (), plugins: str | Path | None = None) -> list[Checked]:
    """Checks the contract of a plug-in on phantom data, while it is being written.

    Args:
        kind: Such as `"encoders"`.
        name: The name of the plug-in's file without `.py`.
        settings: Fields of the plug-in, such as `"epochs=2"`, or `"folder=..."` for a dataset.
        plugins: A folder of your own plug-ins, of the project's shape.

    Raises:
        PluginError: There is no such plug-in or field.

    Examples:
        >>> [one for one in api.check("encoders", "raw_pixels") if one.error]
        []
    """
    add_folder(plugins)
    from bench.contracts import run_checks
    from bench.grid.tree import read_fields

    return [Checked(*one) for one in run_checks(kind, name, **read_fields(list(settings)))]


def presets() -> list[str]:
    """The names of the table presets, from the names of their files; no preset is imported."""
    folder = Path(__file__).parents[2] / "results" / "tables" / "presets"
    return sorted(file.stem.replace("_", "-") for file in folder.glob("*.py") if file.stem not in ("__init__", "base"))


def add_folder(folder: str | Path | None) -> None:
    """Adds a user's folder of plug-ins, if there is one."""
    if folder is not None:
        from bench.plugins import add_folder as add

        add(Path(folder))
