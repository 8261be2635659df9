"""What distinguishes the images of one place in a DICOM series: echo, kind of image, b-value, time and so on."""

from __future__ import annotations

from typing import Any

from data.reading.dicom.files import FrameTags, as_list

Trait = float | str | tuple[float, ...]

# The kind of an image, by the values of ImageType and of ComplexImageComponent; an image of none of them is plain.
_KINDS = {
    "phase": ("P", "PHASE", "PHASE MAP", "PHASE_MAP", "P_FFE", "P_SE", "P_IR"),
    "real": ("R", "REAL", "R_FFE", "R_SE", "R_IR"),
    "imaginary": ("I", "IMAGINARY", "I_FFE", "I_SE", "I_IR"),
    "water": ("W", "WATER"),
    "opposed phase": ("OP", "OUT_PHASE", "OPP_PHASE", "OUT PHASE", "OPPOSED_PHASE", "OUTPHASE", "OPP"),
    "fat": ("F", "FAT"),
    "fat fraction": ("FF", "FAT_FRACTION", "FAT FRACTION", "PERC_FAT"),
    "map": ("ADC", "FA", "T1 MAP", "T2 MAP", "T2_STAR MAP", "T2* MAP", "R2_STAR MAP", "R2* MAP", "T2_STAR"),
    "trace": ("TRACEW", "TRACE"),
    "projection": ("PROJECTION IMAGE", "MIP", "MIN_IP"),
    "subtraction": ("SUBTRACTION", "SUBTRACT"),
    "localizer": ("LOCALIZER",),
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words}
PLAIN = ""
PREFERENCE = (PLAIN, "trace", "water", "opposed phase", "fat", *_KINDS)
"""The kinds of an image, the one that shows most like a plain image first."""

# Attributes that tell images of a place apart, with their words in messages.
_NUMBERS = {
    "TI": ("InversionTime",),
    "time": ("TemporalPositionIdentifier",),
    "time index": ("TemporalPositionIndex",),
    "time offset": ("TemporalPositionTimeOffset",),
    "acquisition": ("AcquisitionNumber", "FrameAcquisitionNumber"),
    "trigger": ("TriggerTime", "NominalCardiacTriggerDelayTime"),
    "echo number": ("EchoNumbers",),
    "energy": ("KVP",),
    "reference time": ("FrameReferenceTime",),
}
_TEXTS = {"direction": "DiffusionGradientOrientation", "acquired": "AcquisitionTime", "content time": "ContentTime"}
_PRIVATE_B = (
    ("SIEMENS MR HEADER", 0x0019, 0x0C),
    ("GEMS_PARM_01", 0x0043, 0x39),
    ("Philips Imaging DD 001", 0x2001, 0x03),
)
_UNITS = ("BQML", "CNTS", "GML", "CPS", "PROPCPS", "PROPCNTS", "NONE", "PCNT", "CM2ML", "MGMINML", "UMOLML", "STDDEV")
_STACK = ("InStackPositionNumber", "ImagePositionPatient", "StackID", "FrameLabel")

CONTRASTS = ("kind", "b-value", "units")
"""The traits that part a series wherever they differ."""

ORDERS = (
    "TE",
    "image type",
    "TI",
    "time",
    "time index",
    "time offset",
    "acquisition",
    "trigger",
    "reference time",
    "echo number",
    "energy",
    "kernel",
    "direction",
    "dimension",
    "acquired",
    "frame time",
    "content time",
)
"""The traits that part a series where several images lie at one place."""


def find(tags: FrameTags, kinds: tuple[str, ...], echo: float | None) -> dict[str, Trait]:
    """The traits of a frame by name; those that its header lacks are absent.

    Args:
        tags: The attributes of the frame.
        kinds: The values of ImageType or FrameType.
        echo: The echo time, ms.
    """
    found: dict[str, Trait] = {"kind": _kind(kinds, tags.text("ComplexImageComponent")), "image type": "\\".join(kinds)}
    if echo is not None:
        found["TE"] = echo
    if (b_value := _b_value(tags)) is not None:
        found["b-value"] = b_value
    if units := tags.text("Units"):
        found["units"] = units if units in _UNITS else "other"
    for name, attributes in _NUMBERS.items():
        for attribute in attributes:
            if (number := tags.number(attribute)) is not None:
                found[name] = number
                break
    if kernel := tags.text("ConvolutionKernel"):
        found["kernel"] = kernel
    for name, attribute in _TEXTS.items():
        if text := tags.text(attribute):
            found[name] = text
    if dimension := _dimension(tags):
        found["dimension"] = dimension
    return found


def words(name: str, value: Trait | None) -> str:
    """A trait in words for messages; text from the header is not shown, since it may be anything."""
    if name == "kind":
        return str(value) or "plain image"
    if value is None:
        return f"without {name}"
    if name == "units":
        return f"units {value}"
    if not isinstance(value, float | int):
        return f"another {name}"
    unit = {"TE": " ms", "TI": " ms", "trigger": " ms", "b-value": " s/mm²", "energy": " kV"}.get(name, "")
    return f"{name} {value:g}{unit}"


def _kind(kinds: tuple[str, ...], component: str) -> str:
    known = {kind for word in (*kinds[2:], component.upper()) if (kind := _KIND_OF.get(word))}
    if "ADC" in kinds:
        return "map"
    return next((kind for kind in _KINDS if kind in known), PLAIN)


def _b_value(tags: FrameTags) -> float | None:
    if (standard := tags.number("DiffusionBValue")) is not None:
        return standard
    for creator, group, element in _PRIVATE_B:
        if (group, 0x10) in tags.file:
            if str(tags.file[group, 0x10].value).strip() != creator:
                continue
            value: Any = tags.file.get((group, 0x1000 + element))
            try:
                return float(as_list(value.value)[0]) % 1e9  # GE adds 1e9
            except Exception:  # absent, or in a private encoding
                return None
    return None


def _dimension(tags: FrameTags) -> tuple[float, ...]:
    """The frame's indices along the dimensions of its file that are not those of the stack."""
    from pydicom.datadict import tag_for_keyword

    values = as_list(tags.get("DimensionIndexValues"))
    if not values:
        return ()
    places = {tag_for_keyword(name) for name in _STACK}
    pointers = [item.get("DimensionIndexPointer") for item in tags.file.get("DimensionIndexSequence") or ()]
    if len(values) != len(pointers):
        return ()
    return tuple(float(v) for v, pointer in zip(values, pointers, strict=True) if pointer not in places)
