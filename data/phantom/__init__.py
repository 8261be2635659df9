"""Spine and knee MRI that needs no download: anatomy drawn from named distributions, scanned with noise and bias."""

from collections.abc import Callable

from data.phantom.examples import example_discs
from data.phantom.files import write_phantom
from data.phantom.lesions import write_lesion_phantom
from data.phantom.oai_files import write_oai_phantom
from data.phantom.rsna_files import write_rsna_phantom

LAYOUTS: dict[str, Callable[..., None]] = {
    "spider": write_phantom,
    "rsna": write_rsna_phantom,
    "oai": write_oai_phantom,
    "lesions": write_lesion_phantom,
}
"""The function that writes each layout; its arguments are the options of the layout."""

__all__ = [
    "LAYOUTS",
    "example_discs",
    "write_lesion_phantom",
    "write_oai_phantom",
    "write_phantom",
    "write_rsna_phantom",
]
