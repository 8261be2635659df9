"""Describes the machine."""

from __future__ import annotations

from pathlib import Path


def doctor(*, store: str | Path = ".store") -> str:
    """Shows versions, machine, GPU, whether the hub can be reached, and where weights are looked for.

    Args:
        store: Where finished steps are kept; its free space is shown.

    Returns:
        Lines of text.
    """
    from bench.run.doctor import lines

    return "\n".join(lines(Path(store)))
