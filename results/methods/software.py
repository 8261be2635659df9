"""Software, hardware, time and memory in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from results.flow import counted
from results.inner_splits import listed
from results.methods.evidence import Evidence

PARTS = {"embedding": "training and use of encoders and fusions", "fitting": "fitting of heads"}
"""What a run calls its kinds of work, in words where these say too little."""


def provenance(evidence: Evidence) -> Iterator[str]:
    """Versions, code, hardware, time and memory."""
    sessions = evidence.sessions
    if not sessions:
        yield "[AUTHORS: software, hardware and time; the run folder has no session.]"
        return
    yield from packages(evidence)
    yield from code(sessions)
    yield from _hardware(evidence)


def packages(evidence: Evidence) -> Iterator[str]:
    """The packages that the plug-ins use, with every version that a start of the run had.

    Those that the dataset alone uses have a sentence of their own, since no file may have needed some of them.
    """
    versions: dict[str, list[str]] = {}
    for session in evidence.sessions:
        for name, version in session.get("versions", {}).items():
            versions.setdefault(name, [])
            versions[name] += [version] if version not in versions[name] else []
    of_steps = {name for one in evidence.plug_ins.used if one.kind != "data" for name in one.packages}
    reading = {*evidence.plug_ins.dataset.packages} - of_steps
    found, readers = list[str](), list[str]()
    for name, (title, key) in sorted(evidence.plug_ins.packages.items()):
        if versions.get(name, ["absent"]) != ["absent"]:
            words = f"{title} {' and '.join(versions[name])}" + (f" [@{key}]" if key else "")
            (readers if name in reading else found).append(words)
    python = " and ".join(versions.get("python", ["[AUTHORS]"]))
    yield f"Experiments ran in Scangrid on Python {python} with {', '.join(found)}."
    if readers:
        yield f"The data were read with {listed(readers)}{', each for its formats of files' if readers[1:] else ''}."


def code(sessions: list[dict[str, Any]]) -> Iterator[str]:
    """The commits of the code, the dates, and whether files differed."""
    commits = list(dict.fromkeys(s["code"]["commit"] for s in sessions if s.get("code", {}).get("commit")))
    if not commits:
        yield "[AUTHORS: version of the code; the run was made outside a git checkout.]"
        return
    yield f"The code was at commit{'s' if len(commits) > 1 else ''} {', '.join(commit[:12] for commit in commits)}."
    finished = sorted(session["finished"][:10] for session in sessions if session.get("finished"))
    if finished:
        yield f"The run finished on {' to '.join(dict.fromkeys((finished[0], finished[-1])))}."
    changed = [int(session.get("code", {}).get("changed_files", 0)) for session in sessions]
    if any(changed):
        yield (
            f"In {sum(n > 0 for n in changed)} of {len(changed)} starts, files differed from the commit (up to "
            f"{max(changed)}) [AUTHORS: rerun on a clean commit, or say what differed]."
        )


def _hardware(evidence: Evidence) -> Iterator[str]:
    sessions = evidence.sessions
    machines = []
    for session in (one for one in sessions if one.get("machine")):
        m = session["machine"]
        gpu = f", {m['gpu']}" if m.get("gpu") and session.get("device") != "cpu" else ""
        memory = f"{m['memory_gib']:g} GiB of memory" if "memory_gib" in m else "memory unknown"
        machines.append(
            f"{m.get('processor') or 'a processor'} ({m.get('cores', '?')} cores, {memory}{gpu}), {m.get('system', '')}"
        )
    devices = ", ".join(evidence.run.devices) or "unknown"
    if not machines:  # the store had the results of all cells
        yield f"[AUTHORS: hardware and time; earlier runs had computed all results, on the device {devices}.]"
        return
    yield f"The run was on {'; and on '.join(dict.fromkeys(machines))}; the device was {devices}."
    parts: dict[str, float] = {}
    for session in sessions:
        for name, seconds in session.get("seconds", {}).items():
            parts[name] = parts.get(name, 0.0) + seconds
    ended = sum(bool(session.get("finished")) for session in sessions)
    detail = f" ({', '.join(f'{PARTS.get(name, name)} {n:.0f}' for name, n in parts.items())})" if parts else ""
    peak = max((session.get("peak_memory_mib", 0.0) for session in sessions), default=0.0)
    took = (
        f"Its steps took {sum(parts.values()):.0f} s together in {counted(ended, 'start')}, side by side where cores "
        f"allowed{detail}. Results that earlier runs had left, and starts that were stopped before their first fit, "
        "are not counted."
    )
    yield from [took] if ended else []
    if stopped := len(sessions) - ended:
        yield f"The time of {counted(stopped, 'start')} that {'was' if stopped == 1 else 'were'} stopped is not known."
    yield f"Peak memory was {peak / 1024:.1f} GiB."
