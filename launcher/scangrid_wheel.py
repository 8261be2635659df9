"""Builds the package of the command `scangrid`: one module that runs `run_benchmark.py` of this folder's project.

An installer calls `build_wheel` (PEP 517) and makes the command from the entry point, as a script on Linux and macOS
and as an .exe on Windows.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = '''\
"""The command `scangrid`: the command line of a project, from whatever folder it is called."""

import sys
from pathlib import Path

ROOT = Path({root!r})


def main():
    """Runs the command line; the project can be imported in this process only."""
    script = ROOT / "run_benchmark.py"
    if not script.is_file():
        sys.exit(f"scangrid: there is no {{script}}: was the project moved? Call `make` in its new folder")
    sys.path.insert(0, str(ROOT))
    from bench import interrupts

    interrupts.watch()  # before the other imports, which take a while
    from run_benchmark import app

    app(prog_name="scangrid")
'''


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None) -> str:
    """Writes the wheel into a folder and returns the name of its file."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    about = f"scangrid-{version}.dist-info"
    files = {
        "scangrid_command.py": MODULE.format(root=str(ROOT)),
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: scangrid\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: scangrid\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[console_scripts]\nscangrid = scangrid_command:main\n",
    }
    record = "".join(f"{file},sha256={_digest(text)},{len(text.encode())}\n" for file, text in files.items())
    name = f"scangrid-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        for file, text in (files | {f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}).items():
            wheel.writestr(file, text)
    return name


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
