"""Every kind of picture and volume that is claimed to be read: what it is, its bytes and its right pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.data.reading import written

LUMINANCE = np.array((0.299, 0.587, 0.114))
_RNG = np.random.default_rng(13)
_SHAPE = (9, 7)

# What the file holds where a viewer shows `a`, by the number of the EXIF and TIFF tag.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
    8: lambda a: np.rot90(a, -1),
}


class File(NamedTuple):
    """A file's bytes and the pixels `(D, H, W)` that are right."""

    content: bytes
    right: np.ndarray


@dataclass(frozen=True)
class Claim:
    """A row of the table in the documentation.

    Args:
        format: The family, and how its pixels are packed.
        bits: Of a sample, and its type.
        photometry: What the samples mean.
        orientation: The orientations: "1 to 8", or the places in the patient.
        reader: The library that reads it.
        second: The readers that agree: names of functions of `second_readers`.
        end: The ending of the file.
        make: Gives the file for an orientation.
        turns: The orientations to try.
        close: How far pixels may be apart, for lossy files.
    """

    format: str
    bits: str
    photometry: str
    orientation: str
    reader: str
    second: tuple[str, ...]
    end: str
    make: Callable[[int], File]
    turns: tuple[int, ...] = (1,)
    close: float = 0

    def __str__(self) -> str:
        return f"{self.format}, {self.bits}, {self.photometry}"


def whole(bits, samples=0, low=0):
    shape = (*_SHAPE, samples) if samples else _SHAPE
    kind = np.uint8 if bits <= 8 and not low else np.uint16 if bits <= 16 and not low else np.int32
    found = _RNG.integers(low, 2**bits + low, shape).astype(kind)
    found.ravel()[:2] = low, 2**bits + low - 1
    return found


def grey(values):
    return values[None].astype(float)


def colours(values):
    return (values[..., :3].astype(float) @ LUMINANCE)[None]


def spread(values, bits):
    return grey(values) * (255 / (2**bits - 1) if bits < 8 else 1)


def _png(bits, colour, samples, right, extra=b""):
    values = whole(bits, samples)
    return lambda turn: File(
        written.png(STORED[turn](values), bits=bits, colour=colour, orientation=turn, extra=extra), right(values)
    )


def _png_palette(bits):
    values, table = whole(bits), _RNG.integers(0, 256, (2**bits, 3)).astype(np.uint8)
    extra = written.chunk(b"PLTE", table.tobytes())
    return lambda turn: File(
        written.png(STORED[turn](values), bits=bits, colour=3, orientation=turn, extra=extra), colours(table[values])
    )


def _jpeg(mode, orientation=True):
    import io

    from PIL import Image

    smooth = np.add.outer(np.arange(24.0), 2 * np.arange(16.0)) * 3
    values = np.dstack([smooth, smooth[::-1], 200 - smooth]) if mode == "RGB" else smooth
    values = values.clip(0, 255).astype(np.uint8)

    def make(turn):
        out = io.BytesIO()
        block = b"Exif\0\0" + written.exif(turn)
        picture = Image.fromarray(np.ascontiguousarray(STORED[turn](values)))
        picture.save(out, "JPEG", quality=98, subsampling=0, exif=block, progressive=turn % 2 == 0)
        return File(out.getvalue(), colours(values) if mode == "RGB" else grey(values))

    return make


def _tiff(values, right, **how):
    values = np.asarray(values)
    return lambda turn: File(written.tiff([STORED[turn](values)], orientation=turn, **how), right(values))


def _tiff_claims():
    eight, wide = tuple(range(1, 9)), (1, 6)
    for bits in (1, 2, 4, 8, 16):
        values, kind = whole(bits), "whole"
        for photometric, name in ((1, "grey"), (0, "grey, white is 0")):

            def right(v, bits=bits, photometric=photometric):
                return spread(v if photometric else 2**bits - 1 - v, bits)

            second = ("pillow",) if photometric or bits <= 8 else ("itk_inverted",)
            make = _tiff(values, right, bits=bits, photometric=photometric)
            yield "TIFF", f"{bits}, {kind}", name, "1 to 8", second, make, eight
    for code, second in (("i1", "itk"), ("i2", "itk"), ("u4", "itk"), ("i4", "itk"), ("f4", "itk"), ("f8", "opencv")):
        values = (whole(7, low=-64 if code[0] != "u" else 1) * (0.5 if code[0] == "f" else 1)).astype(code)
        kind = {"i": "signed", "u": "whole", "f": "float"}[code[0]]
        yield "TIFF", f"{int(code[1]) * 8}, {kind}", "grey", "1 to 8", (second,), _tiff(values, grey), wide
    half = (whole(7, low=-64) / 4).astype("f2")
    yield "TIFF", "16, float", "grey", "1 to 8", (), _tiff(half, grey), wide
    yield "TIFF", "12, whole", "grey", "1 to 8", (), _tiff(whole(12), grey, bits=12), wide
    for bits in (8, 16):
        make = _tiff(whole(bits, 3), colours, photometric=2)
        yield "TIFF", f"{bits}, whole", "RGB", "1 to 8", ("opencv",), make, wide
        make = _tiff(whole(bits, 3), colours, photometric=2, planar=2)
        yield "TIFF", f"{bits}, whole", "RGB in planes", "1 to 8", ("pillow",) if bits == 8 else (), make, (1,)
        make = _tiff(whole(bits, 4), colours, photometric=2, tags=[(338, 3, [2])])
        yield "TIFF", f"{bits}, whole", "RGB + alpha", "1 to 8", ("pillow",) if bits == 8 else ("opencv",), make, wide
        make = _tiff(whole(bits, 2), lambda v: grey(v[..., 0]), tags=[(338, 3, [2])])
        yield "TIFF", f"{bits}, whole", "grey + alpha", "1 to 8", ("pillow",) if bits == 8 else (), make, wide
    for bits in (8, 16):
        table = _RNG.integers(0, 2**16, (3, 2**bits))
        table[:, :2] = 0, 2**16 - 1
        make = _tiff(
            whole(bits),
            lambda v, table=table: (LUMINANCE @ table[:, v].reshape(3, -1)).reshape(1, *v.shape),
            photometric=3,
            tags=[(320, 3, table.ravel().tolist())],
        )
        yield "TIFF", f"{bits}, whole", "palette of 16 bits", "1 to 8", ("itk",) if bits == 8 else (), make, (1,)


def _packed_tiffs():
    values = whole(16)
    for name, how in {
        "TIFF, deflate": {"compression": 8, "rows": 4},
        "TIFF, big-endian": {"order": ">"},
        "BigTIFF": {"big": True, "rows": 2},
    }.items():
        yield name, "16, whole", "grey", "1 to 8", ("opencv",), _tiff(values, grey, **how), (1, 6)
    pages = [whole(16) for _ in range(3)]

    def stack(turn):
        right = np.stack(pages).astype(float)
        return File(written.tiff([STORED[turn](p) for p in pages], orientation=turn), right)

    yield "TIFF, pages", "16, whole", "grey", "1 to 8", ("pillow_pages",), stack, (1, 6)

    def lzw(turn):
        import cv2

        content = cv2.imencode(".tif", values)[1].tobytes()  # libtiff's LZW with its predictor
        return File(content, grey(values))

    yield "TIFF, LZW", "16, whole", "grey", "1 to 8", ("pillow",), lzw, (1,)


def _volumes():
    def sampled(code, *more):
        return (
            _RNG.integers(0 if code[0] == "u" else -100, 120, (3, 5, 4, *more)) / (4 if code[0] == "f" else 1)
        ).astype(code)

    for code in written.META:
        for packed in (False, True):
            values, kind = sampled(code), {"i": "signed", "u": "whole", "f": "float"}[code[0]]
            name = ".mha, packed" if packed else ".mha"

            def make(_, values=values, packed=packed):
                fields = {
                    "ElementSpacing": "0.5 0.75 3",
                    "Offset": "11 -22 33",
                    "TransformMatrix": "0 1 0 0 0 -1 -1 0 0",
                }
                return File(
                    written.meta_image(values, packed=packed, order=">" if packed else "<", fields=fields), values
                )

            yield name, f"{int(code[1]) * 8}, {kind}", "grey", "any", "own", ("itk_place",), "mha", make
    rgb = sampled("u1", 3)
    yield (
        ".mha", "8, whole", "RGB", "any", "own", ("itk_place",), "mha",
        lambda _: File(written.meta_image(rgb, channels=3), rgb.astype(float) @ LUMINANCE),
    )  # fmt: skip
    turned = (1, [[-0.4, 0.3, 0, 9], [0.3, 0.4, 0, -8], [0, 0, 2, 7]])
    quaternion = (1, (0.1, 0.2, 0.3), (5, 6, 7))
    for code in ("u1", "i2", "u2", "i4", "f4", "f8"):
        for zipped in (False, True):
            values, kind = sampled(code), {"i": "signed", "u": "whole", "f": "float"}[code[0]]

            def make(_, values=values, zipped=zipped):
                return File(written.nifti(values, zipped=zipped, sform=turned, spacing=(0.5, 0.5, 2)), values)

            name = ".nii.gz" if zipped else ".nii"
            yield name, f"{int(code[1]) * 8}, {kind}", "grey", "sform", "nibabel", ("itk_place",), name[1:], make
    values = sampled("i2")
    for name, where, how in (
        ("big-endian", "qform", {"order": ">", "qform": quaternion, "spacing": (0.5, 0.7, 2)}),
        (
            "in metres",
            "qform",
            {"qform": (1, (0.1, 0.2, 0.3), (0.005, 0.006, 0.007)), "units": 1, "spacing": (0.001,) * 3},
        ),
        (
            "slope 2.5, intercept -10",
            "sform",
            {"slope": 2.5, "inter": -10.0, "sform": turned, "spacing": (0.5, 0.5, 2)},
        ),
        ("sform of code 2 beside a qform", "qform", {"sform": (2, turned[1]), "qform": quaternion}),
    ):
        right = values * how.get("slope", 1.0) + how.get("inter", 0.0)
        yield (
            f".nii, {name}", "16, signed", "grey", where, "nibabel", ("itk_place",), "nii",
            lambda _, how=how, right=right: File(written.nifti(values, **how), right),
        )  # fmt: skip
    yield (
        ".nii, NIfTI-2", "16, signed", "grey", "sform", "nibabel", ("nibabel_place",), "nii",
        lambda _: File(written.nifti(values, version=2, sform=turned), values),
    )  # fmt: skip
    for packed in (False, True):
        for space in ("left-posterior-superior", "right-anterior-superior", "left-anterior-superior"):
            yield (
                ".nrrd, packed" if packed else ".nrrd", "16, signed", "grey", "LPS, RAS or LAS",
                "pynrrd", ("itk_place",), "nrrd",
                lambda _, p=packed, s=space: File(written.nrrd(values, packed=p, space=s, order="big"), values),
            )  # fmt: skip


def _png_claims():
    every = tuple(range(1, 9))
    transparent = written.chunk(b"tRNS", b"\0\x01")
    for bits in (1, 2, 4, 8, 16):
        yield bits, "grey", ("pillow",), _png(bits, 0, 0, lambda v, bits=bits: spread(v, bits)), every
    for bits in (8, 16):
        second = ("pillow",) if bits == 8 else ("opencv",)
        yield bits, "grey + alpha", second, _png(bits, 4, 2, lambda v: grey(v[..., 0])), (1, 6)
        yield bits, "grey, one of them transparent", ("pillow",), _png(bits, 0, 0, grey, transparent), (1, 6)
        yield bits, "RGB", second, _png(bits, 2, 3, colours), every
        yield bits, "RGB + alpha", second, _png(bits, 6, 4, colours), (1, 6)
    for bits in (1, 2, 4, 8):
        yield bits, "palette", ("pillow",), _png_palette(bits), (1, 6)


CLAIMS = [Claim("PNG", f"{b}, whole", p, "1 to 8", "imagecodecs", s, "png", m, t) for b, p, s, m, t in _png_claims()]
CLAIMS += [
    Claim("JPEG", "8, whole", "grey", "1 to 8", "simplejpeg", ("pillow",), "jpg", _jpeg("L"), tuple(range(1, 9)), 4),
    Claim("JPEG", "8, whole", "RGB", "1 to 8", "simplejpeg", ("pillow",), "jpg", _jpeg("RGB"), tuple(range(1, 9)), 4),
]
CLAIMS += [Claim(f, b, p, o, "tifffile", s, "tif", m, t) for f, b, p, o, s, m, t in (*_tiff_claims(), *_packed_tiffs())]
CLAIMS += [Claim(f, b, p, o, r, s, e, m) for f, b, p, o, r, s, e, m in _volumes()]
