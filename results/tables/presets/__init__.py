"""Tables for a purpose: one file each, found by existing."""

from __future__ import annotations

from data.text.names import nearest
from results import ResultsError
from results.found import Found
from results.run_folder import Run
from results.tables.formats import Sheet
from results.tables.presets.base import Preset

PRESETS: Found[Preset] = Found("results.tables.presets", "PRESET", (Preset,), "preset")
"""Every preset by the name of its file."""


def of(run: Run, preset: str) -> list[Sheet]:
    """The sheets of a preset.

    Args:
        run: A run folder.
        preset: Its name on the command line, such as `per-class`, with its argument if it has one: `ablation:encoders`.

    Raises:
        ResultsError: There is no such preset, its argument is missing or superfluous, or it can't be made of this run.
    """
    name, _, argument = preset.partition(":")
    by_name = {_shown(file): record for file, record in PRESETS.items()}
    if name not in by_name:
        raise ResultsError(f"no preset '{preset}'{nearest(name, by_name)}")
    found = by_name[name]
    if bool(found.argument) != bool(argument):
        needs = f"needs {found.argument} after it, such as {name}:{found.example}"
        raise ResultsError(f"--preset {name} {needs if found.argument else 'takes nothing after it'}")
    return found.sheets(run, argument) if argument else found.sheets(run)


def help_lines() -> list[tuple[str, str]]:
    """For each preset the words after `--preset`, such as `ablation:AXIS`, and its line of help."""
    return [
        (f"{_shown(name)}:{found.argument}" if found.argument else _shown(name), found.help)
        for name, found in PRESETS.items()
    ]


def _shown(name: str) -> str:
    return name.replace("_", "-")
