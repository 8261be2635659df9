"""Draws a web page or a LaTeX table as a picture: `python -m docs.shots FILE PICTURE [HEIGHT]`.

A page needs Chromium on the path, a table `pdflatex` and `pdftoppm`. `HEIGHT` is that of the window in pixels.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from PIL import Image, ImageChops

from data.files.whole import replace_file

WIDTH, HEIGHT, DPI, MARGIN = 1200, 900, 110, 12
PAPER = r"""\documentclass{article}
\usepackage{booktabs,longtable,pdflscape}
\usepackage[margin=2cm,paperheight=21cm]{geometry}
\pagestyle{empty}
\begin{document}
\input{TABLE}
\end{document}
"""


def main(file: Path, picture: Path, height: int = HEIGHT) -> None:
    """Writes the picture, a PNG.

    Args:
        file: `.html` or `.tex`.
        picture: The file to write.
        height: Height of the window, pixels.
    """
    draw = {".html": _page, ".tex": _table}[file.suffix]
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw(file.resolve(), Path(folder), height)
        picture.parent.mkdir(parents=True, exist_ok=True)
        replace_file(picture, partial(shutil.copyfile, drawn))


def _page(file: Path, folder: Path, height: int) -> Path:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or sys.exit("no chromium on the path")
    size = f"--window-size={WIDTH},{height}"
    _call(folder, browser, "--headless", "--no-sandbox", "--hide-scrollbars", size, "--screenshot", file.as_uri())
    return folder / "screenshot.png"


def _table(file: Path, folder: Path, height: int) -> Path:
    (folder / "paper.tex").write_text(PAPER.replace("TABLE", file.as_posix()), encoding="utf-8")
    for _ in range(3):  # a longtable finds the widths of its columns in several passes
        _call(folder, "pdflatex", "-halt-on-error", "paper.tex")
    _call(folder, "pdftoppm", "-png", "-singlefile", "-r", str(DPI), "paper.pdf", "table")
    with Image.open(folder / "table.png") as page:
        left, top, right, bottom = ImageChops.invert(page.convert("L")).getbbox() or (0, 0, *page.size)
        page.crop((left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN)).save(folder / "table.png")
    return folder / "table.png"


def _call(folder: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
