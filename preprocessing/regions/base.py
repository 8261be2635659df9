"""The contract of a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.base import Box, Image


class Region:
    """Where to look for a sample in a scan."""

    def locate(self, image: Image, sample: Mapping[str, Any]) -> Box | None:
        """The box of a sample in an unprocessed image; None where the image does not show it.

        Args:
            image: The unprocessed scan with its mask.
            sample: The sample's row of `Dataset.samples()`.
        """
        raise NotImplementedError
