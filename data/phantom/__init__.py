"""Spine and knee MRI that needs no download: anatomy drawn from named distributions, scanned with noise and bias."""

from data.phantom.examples import example_discs
from data.phantom.files import write_phantom
from data.phantom.oai_files import write_oai_phantom
from data.phantom.rsna_files import write_rsna_phantom

__all__ = ["example_discs", "write_oai_phantom", "write_phantom", "write_rsna_phantom"]
