"""The orientation of a picture in EXIF and, where EXIF says nothing, in XMP; Pillow turns the same pictures alike."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps

from data.reading import volumes
from tests.data.reading import written

TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a),
}
PIXELS = (np.add.outer(np.arange(16), 2 * np.arange(24)) * 3).astype(np.uint8)


def xmp(orientation, element=False):
    field = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if element else ""
    attribute = "" if element else f' tiff:Orientation="{orientation}"'
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{attribute}>{field}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def png(packet, *, packed=False, orientation=None):
    text = b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + (zlib.compress(packet) if packed else packet)
    return written.png(PIXELS, orientation=orientation, extra=written.chunk(b"iTXt", text))


def jpeg(*segments):
    content = cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    added = b"".join(b"\xff\xe1" + struct.pack(">H", len(one) + 2) + one for one in segments)
    return content[:2] + added + content[2:]


def tiff(packet, **how):
    padded = packet.ljust(-(-len(packet) // 4) * 4)  # the writer of the tests knows whole words only
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    content = written.tiff([PIXELS], tags=[(700, 4, words)], **how)
    at = content.index(struct.pack("<HHI", 700, 4, len(words)))
    return content[:at] + struct.pack("<HHI", 700, 1, len(padded)) + content[at + 8 :]


def raw_profile(orientation, name=b"zTXt"):
    """The chunk of text in which ImageMagick kept EXIF before PNG had a chunk for it."""
    block = b"Exif\0\0" + written.exif(orientation)
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    packed = b"\0" + zlib.compress(text) if name == b"zTXt" else text
    return written.png(PIXELS, extra=written.chunk(name, b"Raw profile type exif\0" + packed))


XAP = b"http://ns.adobe.com/xap/1.0/\0"
FILES = {
    "png": png,
    "png, packed": lambda packet: png(packet, packed=True),
    "jpeg": lambda packet: jpeg(XAP + packet),
    "tiff": tiff,
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_xmp_counts_where_exif_says_nothing(tmp_path, kind, orientation):
    path = tmp_path / "picture"
    path.write_bytes(FILES[kind](xmp(orientation, element=orientation % 2 == 0)))
    with Image.open(path) as picture:
        second = np.asarray(ImageOps.exif_transpose(picture))
    stored = cv2.imdecode(np.frombuffer(jpeg(), np.uint8), cv2.IMREAD_GRAYSCALE) if kind == "jpeg" else PIXELS
    assert_array_equal(second, TURNED[orientation](stored))
    assert_array_equal(volumes.read(path).pixels[0], second)


@pytest.mark.parametrize(
    "content",
    [
        png(xmp(6), orientation=1),
        png(xmp(6), orientation=3),
        jpeg(XAP + xmp(6), b"Exif\0\0" + written.exif(3)),
        jpeg(b"Exif\0\0" + written.exif(1), XAP + xmp(6)),
        tiff(xmp(6), orientation=3),
        tiff(xmp(6), orientation=1),
    ],
)
def test_exif_wins_over_xmp(tmp_path, content):
    (tmp_path / "picture").write_bytes(content)
    with Image.open(tmp_path / "picture") as picture:
        second = np.asarray(ImageOps.exif_transpose(picture))
    assert second.shape == PIXELS.shape  # none of them is turned by 90 degrees
    assert_array_equal(volumes.read(tmp_path / "picture").pixels[0], second)


@pytest.mark.parametrize("name", [b"zTXt", b"tEXt"])
def test_exif_in_a_text_of_a_png_is_read(tmp_path, name):
    (tmp_path / "picture").write_bytes(raw_profile(6, name))
    assert_array_equal(volumes.read(tmp_path / "picture").pixels[0], TURNED[6](PIXELS))


@pytest.mark.parametrize(
    "extra",
    [
        b"zTXtRaw profile type exif\0\0no zlib",
        b"tEXtRaw profile type exif\0\nexif\n 4\nxyz",
        b"iTXtXML:com.adobe.xmp",
        b"iTXtXML:com.adobe.xmp\0\1\0\0\0no zlib",
        b'iTXtXML:com.adobe.xmp\0\0\0\0\0tiff:Orientation="9"',
        b"tEXt",
    ],
)
def test_texts_without_meaning_turn_nothing(tmp_path, extra):
    (tmp_path / "picture").write_bytes(written.png(PIXELS, extra=written.chunk(extra[:4], extra[4:])))
    assert_array_equal(volumes.read(tmp_path / "picture").pixels[0], PIXELS)
