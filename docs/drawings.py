"""Draws the pictures of the pages that explain: `python -m docs.drawings` writes them to `pages/pictures/*.svg`.

Every picture is a card with its own light ground, so that it reads the same on a light and on a dark page.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from data.files.whole import replace_text

PICTURES = Path(__file__).parent / "pages" / "pictures"
INK, GREY, LINE = "#1f2933", "#5b6770", "#9aa5b1"
BLUE, GREEN, ORANGE, VIOLET, RED, PLAIN = "#d7e6f7", "#d8efdf", "#fbe5cc", "#e5ddf5", "#f8d9d6", "#eef1f4"
FONT = "font-family='-apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif'"


class Card:
    """A picture in the making; lengths in pixels, y grows downwards.

    Args:
        width: Of the card.
        height: Of the card.
        title: What the picture shows, for readers who can't see it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self.head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
            f"role='img' aria-label={quoteattr(title)} {FONT}>"
            f"<title>{escape(title)}</title><defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
            f"markerHeight='7' orient='auto'><path d='M0,0 L8,4 L0,8 z' fill='{GREY}'/></marker></defs>"
            f"<rect width='{width}' height='{height}' rx='10' fill='#ffffff'/>"
        )
        self.parts: list[str] = []

    def box(self, x: float, y: float, w: float, h: float, *lines: str, fill: str = PLAIN, size: float = 13) -> None:
        """A box with lines of text in its middle; the first is bold where there are several."""
        self.parts.append(f"<rect x='{x}' y='{y}' width='{w}' height='{h}' rx='6' fill='{fill}' stroke='{LINE}'/>")
        top = y + h / 2 - (len(lines) - 1) * size * 0.65
        for i, line in enumerate(lines):
            bold = i == 0 and len(lines) > 1
            self.text(x + w / 2, top + i * size * 1.3, line, size=size if i == 0 else size - 1.5, bold=bold)

    def text(
        self,
        x: float,
        y: float,
        line: str,
        *,
        size: float = 13,
        bold: bool = False,
        left: bool = False,
        colour: str = INK,
    ) -> None:
        """A line of text around a point, or to the right of it."""
        weight = " font-weight='600'" if bold else ""
        anchor = "start" if left else "middle"
        self.parts.append(
            f"<text x='{x:g}' y='{y:g}' font-size='{size:g}' fill='{colour}' text-anchor='{anchor}' "
            f"dominant-baseline='central'{weight}>{escape(line)}</text>"
        )

    def note(self, x: float, y: float, line: str) -> None:
        """A grey line of small text to the right of a point."""
        self.text(x, y, line, size=12, left=True, colour=GREY)

    def arrow(self, *points: tuple[float, float], dashed: bool = False) -> None:
        """A line through points with a tip at its end."""
        path = "M" + " L".join(f"{x:g},{y:g}" for x, y in points)
        dash = " stroke-dasharray='4 3'" if dashed else ""
        self.parts.append(
            f"<path d='{path}' fill='none' stroke='{GREY}' stroke-width='1.4'{dash} marker-end='url(#tip)'/>"
        )

    def square(self, x: float, y: float, w: float, h: float, fill: str) -> None:
        """A small block without text."""
        self.parts.append(
            f"<rect x='{x:g}' y='{y:g}' width='{w:g}' height='{h:g}' rx='2' fill='{fill}' stroke='{LINE}'/>"
        )

    def write(self, name: str) -> None:
        """Writes `pages/pictures/NAME.svg`."""
        PICTURES.mkdir(exist_ok=True)
        replace_text(PICTURES / f"{name}.svg", self.head + "".join(self.parts) + "</svg>\n")


def road() -> None:
    """The road of a scan, from the files to the table."""
    card = Card(
        760, 250, "The road of a scan: data, regions, images, encoders, missing, fusion, tables, heads, results"
    )
    steps = [
        ("data", "scan + labels", BLUE), ("images", "whole scan", GREEN), ("regions", "where to crop", GREEN),
        ("encoders", "crop to tokens", ORANGE),
    ]  # fmt: skip
    for i, (name, does, fill) in enumerate(steps):
        card.box(20 + i * 185, 30, 150, 54, name, does, fill=fill)
        if i:
            card.arrow((20 + i * 185 - 35, 57), (20 + i * 185 - 3, 57))
    card.arrow((650, 84), (650, 108), (95, 108), (95, 137))
    steps = [
        ("missing, fusion", "tokens to one vector", ORANGE), ("tables", "clinical columns join", GREEN),
        ("balance, heads", "fit and predict", VIOLET), ("results", "tables and figures", RED),
    ]  # fmt: skip
    for i, (name, does, fill) in enumerate(steps):
        card.box(20 + i * 185, 140, 150, 54, name, does, fill=fill)
        if i:
            card.arrow((20 + i * 185 - 35, 167), (20 + i * 185 - 3, 167))
    card.note(20, 222, "Each box is a folder of plug-ins and an axis of the grid. What learns sees the training")
    card.note(20, 238, "patients of the fold only. Predictions are stored; results are computed from them alone.")
    card.write("road")


def sample() -> None:
    """Patient, study, sequence, region, sample."""
    card = Card(760, 280, "A patient has studies; a study has sequences; a region crops a sample from each sequence")
    card.box(20, 105, 110, 54, "patient p01", "stays whole", fill=BLUE)
    card.box(180, 105, 110, 54, "study", "one visit", fill=BLUE)
    card.arrow((130, 132), (177, 132))
    for i, name in enumerate(("t1", "t2")):
        y = 30 + i * 150
        card.box(340, y, 120, 54, f"sequence {name}", "a scan", fill=GREEN)
        card.arrow((290, 132), (337, y + 27))
        for j, level in enumerate(("L4/L5", "L5/S1")):
            card.box(520, y - 8 + j * 37, 90, 30, f"crop {level}", fill=PLAIN, size=12)
            card.arrow((460, y + 27), (517, y + 7 + j * 37))
    for j, level in enumerate(("L4/L5", "L5/S1")):
        y = 77 + j * 84
        card.box(655, y, 92, 54, "sample", f"p01, {level}", fill=ORANGE)
        card.arrow((610, 37 + j * 37), (652, y + 18), dashed=bool(j))
        card.arrow((610, 187 + j * 37), (652, y + 36), dashed=bool(j))
    card.note(20, 263, "One label belongs to one sample. Its sequences are two views of it, never two samples.")
    card.write("sample")


def tokens() -> None:
    """Slices to tokens to one vector."""
    card = Card(
        760, 230, "An encoder turns each slice into a token; the fusion joins tokens of all sequences into a vector"
    )
    for i, name in enumerate(("t1", "t2")):
        y = 30 + i * 90
        card.text(20, y + 25, name, size=13, bold=True, left=True)
        for j in range(3):
            card.square(52 + j * 34, y, 28, 50, "#cfd8e3")
        card.text(103, y + 64, "crop: 3 slices", size=11, colour=GREY)
        card.arrow((160, y + 25), (187, y + 25))
        card.box(190, y, 96, 50, "encoder", "per slice", fill=ORANGE)
        card.arrow((286, y + 25), (313, y + 25))
        for j in range(3):
            for k in range(6):
                card.square(318 + k * 15, y + j * 18, 13, 13, "#fbe5cc")
        card.text(363, y + 64, "3 tokens of F numbers", size=11, colour=GREY)
        card.arrow((415, y + 25), (467, 100))
    card.box(470, 72, 96, 56, "fusion", "joins them", fill=ORANGE)
    card.arrow((566, 100), (593, 100))
    for k in range(8):
        card.square(598 + k * 15, 93, 13, 13, "#e5ddf5")
    card.text(658, 120, "one vector per sample", size=11, colour=GREY)
    card.text(658, 78, "to the head", size=11, colour=GREY)
    card.note(20, 214, "All tokens of a data set are its embedding. It is computed once and kept in the store.")
    card.write("tokens")


def folds() -> None:
    """Folds by patient, repeats, and who is trained on."""
    card = Card(760, 270, "Five folds by patient: each patient is tested once per repeat; repeats draw the folds anew")
    card.text(215, 22, "repeat 1", bold=True)
    card.text(570, 22, "repeat 2", bold=True)
    order = ([0, 1, 2, 3, 4, 0, 1, 2, 3, 4], [2, 0, 4, 1, 3, 3, 2, 0, 4, 1])
    for r, fold_of in enumerate(order):
        left = 62 + r * 355
        for p in range(10):
            card.text(left + 15 + p * 30, 44, f"p{p + 1:02}", size=10, colour=GREY)
        for f in range(5):
            if r == 0:
                card.text(left - 24, 65 + f * 30, f"fold {f + 1}", size=11, colour=GREY)
            for p in range(10):
                card.square(left + 18 + p * 30 - 13, 54 + f * 30, 26, 22, "#f0a35e" if fold_of[p] == f else "#d7e6f7")
    card.square(70, 222, 16, 16, "#f0a35e")
    card.text(94, 230, "test: predicted, never learnt from", size=12, left=True)
    card.square(320, 222, 16, 16, "#d7e6f7")
    card.text(344, 230, "training: whatever learns sees these alone", size=12, left=True)
    card.note(70, 255, "A column is a patient with all discs and sequences. All cells and targets share the folds.")
    card.write("folds")


def grid() -> None:
    """A grid file's axes and its cells."""
    card = Card(760, 250, "A grid names steps per axis; every combination of one step per axis is a cell")
    axes = [
        ("images", ("grayscale", "clahe"), GREEN), ("encoders", ("resnet50", "raw_pixels"), ORANGE),
        ("heads", ("logistic", "svc"), VIOLET),
    ]  # fmt: skip
    for i, (axis, steps, fill) in enumerate(axes):
        card.text(30, 52 + i * 62, axis, bold=True, left=True)
        for j, step in enumerate(steps):
            card.box(120 + j * 108, 36 + i * 62, 100, 32, step, fill=fill, size=12)
    card.arrow((345, 114), (390, 114))
    card.text(365, 98, "2 x 2 x 2", size=11, colour=GREY)
    cells = [(a, b, c) for a in axes[0][1] for b in axes[1][1] for c in axes[2][1]]
    for i, cell in enumerate(cells):
        card.box(400, 14 + i * 24, 240, 20, " + ".join(cell), fill=PLAIN, size=11)
    card.text(652, 108, "8 cells,", left=True)
    card.text(652, 126, "8 rows of", left=True)
    card.text(652, 144, "the table", left=True)
    card.note(30, 232, "The floors prior and location are added below: each is one cell, whatever the images.")
    card.write("grid")


def key() -> None:
    """How a key is made, and what follows."""
    card = Card(
        760, 300, "A key is a digest of a step's name, fields, code, weights and the keys of the steps before it"
    )
    for i, (what, more) in enumerate((
        ("name and fields", "resnet50, size 224"), ("code", "its file and what it imports"),
        ("weights", "the file's digest"), ("labels and samples", "only where it learns"),
        ("seed and fold", "only where it draws or learns"),
    )):  # fmt: skip
        card.box(20, 20 + i * 48, 210, 40, what, more, fill=BLUE, size=12)
        card.arrow((230, 40 + i * 48), (297, 136))
    card.box(300, 106, 120, 60, "sha256", "the key", fill=ORANGE)
    card.box(300, 20, 120, 46, "keys of the", "steps before", fill=PLAIN, size=12)
    card.arrow((360, 66), (360, 103))
    card.arrow((420, 136), (467, 136))
    card.box(470, 106, 120, 60, "in the store?", fill=GREEN)
    card.arrow((590, 120), (627, 90))
    card.arrow((590, 152), (627, 182))
    card.box(630, 66, 115, 46, "yes", "read it", fill=PLAIN)
    card.box(630, 160, 115, 46, "no", "compute, keep", fill=PLAIN)
    card.note(300, 245, "Not in a key: paths, device, threads, docstrings, comments.")
    card.note(20, 284, "A new encoder has new keys, so its own cells are computed and no others.")
    card.write("key")


def engine() -> None:
    """The folders of the engine in the order of their work."""
    card = Card(
        760,
        330,
        "The engine's folders: grid asks, plan decides, stages compute, tasks carry, run records, models reuse",
    )
    for i, (name, verb, does, fill) in enumerate((
        ("bench/grid", "ask", "reads the grid file: axes, steps, cells", BLUE),
        ("bench/plan", "decide", "folds, keys, what is refused, what is there already", BLUE),
        ("bench/stages", "compute", "arrays and plug-ins in, arrays out", ORANGE),
        ("bench/tasks", "carry", "reads the store, calls a stage, writes the store", GREEN),
        ("bench/run", "record", "the run folder: predictions, artifacts, provenance", VIOLET),
        ("bench/models", "reuse", "fit a model on all patients, predict, diagnose", VIOLET),
    )):  # fmt: skip
        y = 16 + i * 46
        card.box(20, y, 130, 36, name, fill=fill)
        card.text(172, y + 18, verb, bold=True, left=True)
        card.text(252, y + 18, does, left=True, size=12.5)
        if i:
            card.arrow((85, y - 10), (85, y - 2))
    card.text(640, 32, "imports", size=12, colour=GREY)
    card.arrow((640, 280), (640, 46))
    card.note(656, 150, "a later folder")
    card.note(656, 166, "may import an")
    card.note(656, 182, "earlier one")
    card.note(20, 312, "plugins and contracts lie below all of them; api and the command line stand above.")
    card.write("engine")


def main() -> None:
    """Draws all."""
    for draw in (road, sample, tokens, folds, grid, key, engine):
        draw()


if __name__ == "__main__":
    main()
