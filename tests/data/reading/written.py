"""Files of every family, written byte by byte from the specifications, so that no reader checks itself."""

import gzip
import struct
import zlib

import numpy as np

UNIT = {np.dtype(k): v for k, v in {"u1": 2, "i1": 256, "i2": 4, "u2": 512, "i4": 8, "f4": 16, "f8": 64}.items()}
META = {"i1": "CHAR", "u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "i4": "INT", "u4": "UINT", "f4": "FLOAT"}
META |= {"i8": "LONG_LONG", "f8": "DOUBLE"}


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def exif(orientation):
    """An EXIF block with the one tag, big-endian."""
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 274, 3, 1, orientation, 0) + b"\0\0\0\0"


def png(samples, *, bits=8, colour=0, orientation=None, extra=b"", packed=None):
    """A PNG of `(H, W)` or `(H, W, S)` whole numbers; `extra` are chunks before the pixels."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + packed_row(row, bits) for row in samples)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    turned = b"" if orientation is None else chunk(b"eXIf", exif(orientation))
    data = chunk(b"IDAT", zlib.compress(rows) if packed is None else packed)
    return b"\x89PNG\r\n\x1a\n" + head + turned + extra + data + chunk(b"IEND", b"")


def packed_row(row, bits):
    """Big-endian bytes of a row; fewer than 8 bits share a byte, the first in the highest."""
    if bits >= 8:
        return np.ascontiguousarray(row).astype(f">u{bits // 8}").tobytes()
    digits = np.unpackbits(np.ascontiguousarray(row, dtype=np.uint8).ravel()[:, None], axis=1)[:, 8 - bits :]
    return np.packbits(digits.ravel()).tobytes()


def tiff(
    pages,
    *,
    bits=None,
    photometric=1,
    orientation=None,
    order="<",
    big=False,
    compression=1,
    planar=1,
    tags=(),
    subfile=(),
    rows=None,
):
    """A TIFF of pages `(H, W)` or `(H, W, S)`.

    Args:
        pages: Arrays, each a page.
        bits: Of a sample; None takes those of the arrays.
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 3 palette.
        orientation: Tag 274.
        order: "<" or ">".
        big: Whether it is a BigTIFF.
        compression: 1 none, 8 deflate.
        planar: 2 writes each sample as a plane of its own.
        tags: More tags: (code, type, values).
        subfile: Tag 254 of each page.
        rows: Rows of a strip; None writes one strip.
    """
    word, size = ("Q", 8) if big else ("I", 4)
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42))
    out += struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    for number, page in enumerate(pages):
        page = np.asarray(page)
        height, width = page.shape[:2]
        samples = page.shape[2] if page.ndim == 3 else 1
        depth = bits or page.dtype.itemsize * 8
        planes = [page] if planar == 1 or samples == 1 else list(np.moveaxis(page, -1, 0))
        strips = [
            strip_bytes(p[i : i + (rows or height)], depth, order)
            for p in planes
            for i in range(0, height, rows or height)
        ]
        strips = [zlib.compress(s) if compression == 8 else s for s in strips]
        kind = {"u": 1, "b": 1, "i": 2, "f": 3}[page.dtype.kind]
        entries = [(256, 4, [width]), (257, 4, [height]), (258, 3, [depth] * samples), (259, 3, [compression])]
        entries += [(262, 3, [photometric]), (277, 3, [samples]), (278, 4, [rows or height]), (284, 3, [planar])]
        entries += [(339, 3, [kind] * samples), *tags]
        entries += [(274, 3, [orientation])] if orientation is not None else []
        entries += [(254, 4, [subfile[number]])] if subfile else []
        start = len(out) + (8 if big else 2) + (len(entries) + 2) * (20 if big else 12) + size
        behind = bytearray()

        def value(code, values, behind=behind, start=start):
            content = b"".join(struct.pack(order + {3: "H", 4: "I", 16: "Q"}[code], v) for v in values)
            if len(content) <= size:
                return content.ljust(size, b"\0")
            behind.extend(content + b"\0" * (len(content) % 2))
            return struct.pack(order + word, start + len(behind) - len(content) - len(content) % 2)

        code = 16 if big else 4
        fixed = [(c, t, v, value(t, v)) for c, t, v in entries]
        lengths = value(code, [len(s) for s in strips])
        at = start + len(behind) + (0 if len(strips) * size <= size else len(strips) * size)
        offsets = value(code, np.cumsum([at] + [len(s) for s in strips])[:-1].tolist())
        fixed += [(273, code, strips, offsets), (279, code, strips, lengths)]
        out += struct.pack(order + ("Q" if big else "H"), len(fixed))
        for c, t, v, content in sorted(fixed, key=lambda entry: entry[0]):
            out += struct.pack(order + "HH" + word, c, t, len(v)) + content
        body = behind + b"".join(strips)
        body += b"\0" * (len(body) % 2)
        last = number == len(pages) - 1
        out += struct.pack(order + word, 0 if last else start + len(body)) + body
    return bytes(out)


def strip_bytes(rows, bits, order):
    if bits < 8 or bits == 12:
        return b"".join(bits_of(row, bits) for row in rows)
    return np.ascontiguousarray(rows).astype(rows.dtype.newbyteorder(order)).tobytes()


def bits_of(row, bits):
    text = "".join(format(int(v), f"0{bits}b") for v in np.asarray(row).ravel())
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


def meta_image(pixels, *, packed=False, order="<", fields=(), channels=1):
    """A .mha of `(D, H, W)` or `(H, W)` pixels, with channels last if there are several."""
    shape = pixels.shape[:-1] if channels > 1 else pixels.shape
    content = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder(order)).tobytes()
    content = zlib.compress(content) if packed else content
    lines = {"ObjectType": "Image", "NDims": len(shape), "BinaryData": "True"}
    lines |= {"BinaryDataByteOrderMSB": str(order == ">"), "CompressedData": str(packed)}
    lines |= {"CompressedDataSize": len(content)} if packed else {}
    lines |= {"DimSize": " ".join(map(str, shape[::-1])), "ElementNumberOfChannels": channels}
    lines |= {"ElementType": "MET_" + META[pixels.dtype.str[1:]]} | dict(fields) | {"ElementDataFile": "LOCAL"}
    return "".join(f"{name} = {value}\n" for name, value in lines.items()).encode() + content


def nifti(
    pixels,
    *,
    order="<",
    version=1,
    slope=1.0,
    inter=0.0,
    sform=None,
    qform=None,
    spacing=(1, 1, 1),
    units=2,
    zipped=False,
):
    """A .nii of `(D, H, W)` or `(T, D, H, W)` pixels: sform is (code, 3 x 4 rows), qform (code, b c d, offsets)."""
    pixels = np.asarray(pixels)
    dim = [pixels.ndim, *pixels.shape[::-1], *[1] * (7 - pixels.ndim)]
    pix = [1.0, *spacing, *[1.0] * 4]
    (scode, rows), (qcode, quat, offset) = sform or (0, np.zeros((3, 4))), qform or (0, (0, 0, 0), (0, 0, 0))
    rows = np.asarray(rows, dtype=float).ravel()
    kind = UNIT[pixels.dtype.newbyteorder("=")]
    head = bytearray(348 if version == 1 else 540)

    def put(code, at, *values):
        struct.pack_into(order + code, head, at, *values)

    if version == 1:
        put("i", 0, 348), put("8h", 40, *dim), put("hh", 70, kind, pixels.dtype.itemsize * 8), put("8f", 76, *pix)
        put("fff", 108, 352, slope, inter), put("b", 123, units), put("hh", 252, qcode, scode)
        put("6f", 256, *quat, *offset), put("12f", 280, *rows)
        head[344:348] = b"n+1\0"
    else:
        put("i", 0, 540), put("hh", 12, kind, pixels.dtype.itemsize * 8), put("8q", 16, *dim), put("8d", 104, *pix)
        put("qdd", 168, 544, slope, inter), put("ii", 344, qcode, scode), put("6d", 352, *quat, *offset)
        put("12d", 400, *rows), put("i", 500, units)
        head[4:12] = b"n+2\0\r\n\x1a\n"
    content = bytes(head) + b"\0" * 4 + np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder(order)).tobytes()
    return gzip.compress(content, mtime=0) if zipped else content


def nrrd(pixels, *, packed=False, order="little", space="left-posterior-superior", more=()):
    """A .nrrd of `(D, H, W)` int16 or uint8 pixels."""
    content = (
        np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<" if order == "little" else ">")).tobytes()
    )
    lines = {"type": {"i2": "short", "u1": "uchar", "f4": "float"}[pixels.dtype.str[1:]], "dimension": pixels.ndim}
    lines |= {"space": space, "sizes": " ".join(map(str, pixels.shape[::-1]))}
    lines |= {"space directions": "(0.5,0,0) (0,0.75,0) (0,0,3)", "endian": order, "space origin": "(11,-22,33)"}
    lines |= {"encoding": "gzip" if packed else "raw"} | dict(more)
    head = "NRRD0004\n" + "".join(f"{name}: {value}\n" for name, value in lines.items()) + "\n"
    return head.encode() + (gzip.compress(content) if packed else content)
