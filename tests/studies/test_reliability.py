"""A slice of the study of kills, damage and full disks; all of it is `python -m tests.studies.reliability`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDY = [sys.executable, "-m", "tests.studies.reliability"]


def counts(words):
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True
    )
    found = [line.partition(": ") for line in done.stdout.splitlines()]
    return {part: json.loads(rest) for part, _, rest in found if rest.startswith("{")}, done.stdout


@pytest.mark.long
def test_what_is_killed_damaged_or_out_of_room_ends_as_if_nothing_had_been():
    mount = ["unshare", "-Urm"]
    can = subprocess.run([*mount, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0
    parts = ["kills", "phantom", "damages", *(["full"] if can else [])]
    found, text = counts([*(mount if can else []), *STUDY, *parts, "--times", "1"])
    for part, count in found.items():
        assert not any(number for name, number in count.items() if "LOST" in name or "TRACEBACK" in name), text
        assert sum(count.values()), part
    assert found["kills"]["run: resumed alike"] == found["phantom"]["phantom: whole in the end"] == 1
    assert not can or found["full"]["full disk: exit 1"] == 1


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
