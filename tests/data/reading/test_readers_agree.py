"""Whatever is claimed to be read has the right pixels and place, and a second, independent reader agrees."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageOps, ImageSequence

from data.reading import volumes
from tests.data.reading.claims import CLAIMS, LUMINANCE

PAGE = Path(__file__).parents[3] / "docs" / "pages" / "files.md"
EACH = [pytest.param(claim, turn, id=f"{claim}, {turn}") for claim in CLAIMS for turn in claim.turns]


def _grey(pixels):
    pixels = np.asarray(pixels, dtype=float)
    return pixels[..., :3] @ LUMINANCE if pixels.ndim == 3 and pixels.shape[-1] >= 3 else pixels


def pillow(path):
    with Image.open(BytesIO(path.read_bytes())) as file:  # from a path Pillow maps a TIFF, and then forgets its tag
        picture = ImageOps.exif_transpose(file)
        picture = picture.convert("RGB") if picture.mode == "P" else picture
        pixels = np.asarray(picture)
        pixels = pixels[..., 0] if picture.mode == "LA" else pixels
        return _grey(pixels * 255 if picture.mode == "1" else pixels)[None]


def pillow_pages(path):
    with Image.open(BytesIO(path.read_bytes())) as file:
        return np.stack([np.asarray(ImageOps.exif_transpose(page)) for page in ImageSequence.Iterator(file)])


def opencv(path):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    return _grey(pixels[..., 2::-1] if pixels.ndim == 3 else pixels)[None]


def itk(path):
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return pixels[None] if pixels.ndim == 2 else _grey(pixels)[None]


def itk_inverted(path):
    return 2**16 - 1.0 - itk(path)  # libtiff leaves 16 bits with white at 0 as they are


READERS = {f.__name__: f for f in (pillow, pillow_pages, opencv, itk, itk_inverted)}


@pytest.mark.parametrize(("claim", "turn"), EACH)
def test_the_right_pixels_are_read(tmp_path, claim, turn):
    content, right = claim.make(turn)
    path = tmp_path / f"scan.{claim.end}"
    path.write_bytes(content)
    image = volumes.read(path)
    assert image.pixels.dtype == np.float32
    assert image.pixels.shape == right.shape
    assert_allclose(image.pixels, right, rtol=1e-6, atol=claim.close)
    for name in claim.second:
        if name in READERS and (turn == 1 or name.startswith("pillow")):
            assert_allclose(image.pixels, READERS[name](path), rtol=1e-6, atol=1 if claim.close else 0)
        elif name == "itk_place":
            scan = sitk.ReadImage(str(path))
            pixels = sitk.GetArrayFromImage(scan)
            assert_allclose(image.pixels, pixels @ LUMINANCE if pixels.ndim == 4 else pixels, rtol=1e-6)
            for index in [(0, 0, 0), (3, 4, 2), (1, 2, 1)]:
                assert_allclose(image.position(index[::-1]), scan.TransformIndexToPhysicalPoint(index), atol=2e-4)
        elif name == "nibabel_place":
            import nibabel

            scan = nibabel.load(path)
            assert_array_equal(image.pixels, np.asarray(scan.dataobj).T)
            for index in [(0, 0, 0), (3, 4, 2), (1, 2, 1)]:
                lps = (scan.affine @ [*index, 1])[:3] * (-1, -1, 1)
                assert_allclose(image.position(index[::-1]), lps, atol=1e-6)


_SECOND = {"pillow": "Pillow", "pillow_pages": "Pillow", "opencv": "OpenCV", "nibabel_place": "none"}
_SECOND |= dict.fromkeys(("itk", "itk_inverted", "itk_place"), "SimpleITK")


def table():
    """The lines of the table of claims in the documentation."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for claim in CLAIMS:
        second = ", ".join(dict.fromkeys(_SECOND[name] for name in claim.second)) or "none"
        bits = groups.setdefault((claim.format, claim.photometry, claim.orientation, claim.reader, second), [])
        bits += [claim.bits] if claim.bits not in bits else []
    yield "| format | bits | photometry | orientation | reader | second reader |"
    yield "|---|---|---|---|---|---|"
    for (form, photometry, orientation, reader, second), bits in groups.items():
        yield f"| {form} | {_together(bits)} | {photometry} | {orientation} | {reader} | {second} |"


def _together(bits):
    kinds: dict[str, list[str]] = {}
    for one in bits:
        number, kind = one.split(", ")
        kinds.setdefault(kind, []).append(number)
    return "; ".join(f"{', '.join(numbers)} {kind}" for kind, numbers in kinds.items())


def test_the_documentation_has_every_claim():
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(table()) in page, "put this into the page:\n" + "\n".join(table())
