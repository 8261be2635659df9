"""Times in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds in words: `40 s`, `3 min 5 s`, `2 h 5 min`; from 10 minutes on without seconds."""
    if seconds < 600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"
    return _minutes(round(seconds / 60))


def rough_duration(seconds: float) -> str:
    """An estimate of seconds in words, no more exact than it is: `40 s`, `1 min 30 s`, `3 min`, `2 h 5 min`, `30 h`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 115:
        return duration(10 * round(seconds / 10))
    minutes = round(seconds / 60)
    return _minutes(minutes) if minutes < 600 else f"{round(minutes / 60)} h"


def _minutes(minutes: int) -> str:
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"
