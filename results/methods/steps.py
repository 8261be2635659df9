"""The steps of a grid in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results import ResultsError
from results.methods.evidence import UNUSED, Evidence
from results.plug_ins import UsedPlugIn

_NUMBERS = ("", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def in_words(plug_in: UsedPlugIn, held_out: str = "inner folds") -> str:
    """What a plug-in is, with the fields that the grid gave and its references; it holds out `held_out` in a fit."""
    code = f"`{plug_in.name}`" + "".join(f", {name} = {value}" for name, value in plug_in.given.items())
    cites = f" [{'; '.join(f'@{key}' for key in plug_in.cites)}]" if plug_in.cites else ""
    code += _start(plug_in)
    if plug_in.words:
        stopped = ", with early stopping on held-out training patients" if plug_in.stops_early else ""
        stopped += ", those of left sides mirrored" if plug_in.fields.get("mirror") is True else ""
        words = plug_in.words.replace("inner folds", held_out).replace("training fold", "training part")
        return f"{words}{stopped} ({code}){cites}"
    summary = f', described by its code as "{plug_in.summary}"' if plug_in.summary else ""
    asked = "describe it in words" if cites else "describe it in words, and cite it"
    return f"{code}{summary}{cites} [AUTHORS: {asked}]"


def _start(plug_in: UsedPlugIn) -> str:
    """The state of a network's weights, for what can have pretrained ones."""
    if plug_in.learns == "nothing":
        return {"": "", "random": ", untrained"}.get(plug_in.weights, ", with pretrained weights, frozen")
    return ", training starts from pretrained weights" if plug_in.weights in ("pretrained", "file") else ""


def is_phantom(evidence: Evidence) -> bool:
    """Whether the data are called a phantom."""
    return "phantom" in evidence.run.dataset.lower()


def sentences(evidence: Evidence, axes: Sequence[str] | None = None) -> Iterator[str]:
    """One sentence for each axis: the step of all cells, or those that were compared.

    Args:
        evidence: What the run folder holds.
        axes: The axes by name; None for all.

    Raises:
        ResultsError: The run folder does not name its axes, as those of earlier versions do not.
    """
    if not evidence.run.axis_words:
        raise ResultsError(
            f"{evidence.run.folder / 'run.json'} does not name the axes: run the grid again (what is done is kept)"
        )
    for axis in evidence.run.axis_words if axes is None else axes:
        words = evidence.run.axis_words[axis]
        labels = evidence.steps(axis)
        shown = [_of_label(evidence, axis, label) for label in labels]
        if labels == ["none"]:
            yield from [words.unused] if words.unused else []
        elif len(shown) == 1:
            yield f"The {words.noun} was {shown[0]} in every cell."
        elif shown:
            yield f"{_number(len(shown))} {words.plural} were compared: {_listed(shown)}."


def shares(label: str) -> str:
    """A step of the axis `drop`, such as `30 % without t1`."""
    parts = (part.split("=", 1) for part in label.split(", "))
    return " and ".join(f"{100 * float(rate):g} % without {name}" for name, rate in parts)


def _of_label(evidence: Evidence, axis: str, label: str) -> str:
    if label in UNUSED:
        return "none (the fusion uses the sequences present)" if axis == "missing" else "none"
    if axis == "sequences":
        return label.replace(" + ", " and ") + (" together" if " + " in label else "")
    if axis == "drop":
        return shares(label)
    return (" joined with " if axis == "encoders" else ", then ").join(
        in_words(one, evidence.run.held_out) for one in evidence.plug_ins.of(axis, label)
    )


def _number(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words[:-1]) + f"; and {words[-1]}" if len(words) > 1 else words[0]
