"""What only a dataset that one table lists can say: the lines of its samples, and files that it names twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from data.base import Dataset


@runtime_checkable
class Listed(Protocol):
    """A dataset that knows the lines of its table."""

    def where(self, sample: str) -> str:
        """The lines of a sample, such as `line 7 of scans.csv`."""
        ...

    def shared_images(self) -> Mapping[tuple[str, str], str]:
        """The image files that the table gives to several patients, by study and sequence."""
        ...


def where(dataset: Dataset, sample: str) -> str:
    """A sample with its lines, if the dataset knows them: `P01_left (line 7 of scans.csv)`."""
    return f"{sample} ({dataset.where(sample)})" if isinstance(dataset, Listed) else sample


def shared_images(dataset: Dataset) -> Mapping[tuple[str, str], str]:
    """The image files of several patients, by study and sequence, as far as the dataset can say before it reads any."""
    return dataset.shared_images() if isinstance(dataset, Listed) else {}
