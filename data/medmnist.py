"""MedMNIST: small images and volumes in one .npz file, with an official split."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.base import DataError, Dataset, Image, Target
from data.reading import arrays, limits, volumes

if TYPE_CHECKING:
    import pandas as pd

_SPLITS = ("train", "val", "test")
_READING = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class MedMnist(Dataset):
    """Any official MedMNIST file, 2D or 3D, of 28 to 224 pixels.

    MedMNIST names no patients, so each image counts as a patient. A picture has D = 1, colours become their luminance,
    and a pixel counts as 1 mm. If images have several labels, each is a target, `label_0`, `label_1` ...; otherwise the
    target is `label`.

    Args:
        file: The .npz file with `train_images`, `train_labels`, `val_...` and `test_...`.
        ordinal: Whether the classes have an order (RetinaMNIST).

    References:
        J. Yang et al., MedMNIST v2: a large-scale lightweight benchmark for 2D and 3D biomedical image classification,
        Scientific Data 10, 41, 2023, doi:10.1038/s41597-022-01721-8.
    """

    words = "MedMNIST"
    source = "file"
    cites = ("yang2023",)

    file: str = ""
    ordinal: bool = False

    @property
    def sequences(self) -> tuple[str, ...]:
        """The single sequence, `image`."""
        return ("image",)

    @property
    def patients_known(self) -> bool:
        """False: MedMNIST's files hold no patient ids."""
        return False

    def targets(self) -> list[Target]:
        """One target for each label column."""
        samples = self._samples
        names = [name for name in samples.columns if name.startswith("label")]
        return [Target(n, n, tuple(sorted(samples[n].unique().tolist())), ordinal=self.ordinal) for n in names]

    def samples(self) -> pd.DataFrame:
        """One row for each image, from `train_0` to the last test image; a copy."""
        return self._samples.copy()

    def may_have_masks(self) -> bool:
        """False."""
        return False

    def load(self, study: str, sequence: str) -> Image | None:
        """The image of a study such as `val_7`; each process reads the arrays of a split once."""
        split, _, number = study.rpartition("_")
        if sequence not in self.sequences or study not in self._samples.index:
            return None
        pixels = self._images(split)[int(number)]
        if pixels.shape[-1] == 3:
            pixels = pixels @ volumes.LUMINANCE
        volume = np.array(pixels.reshape(-1, *pixels.shape[-2:]), dtype=np.float32)
        limits.check_pixels(volume, f"{self.file}: {study}")
        return Image(volume, volumes.UNPLACED.copy())

    def files(self, study: str) -> list[Path]:
        """The one file."""
        return [Path(self.file)] if Path(self.file).is_file() else []

    @cached_property
    def _samples(self) -> pd.DataFrame:
        import pandas as pd

        parts = []
        for split in _SPLITS:
            labels = self._array(f"{split}_labels")
            if labels.dtype.kind not in "biu" or not labels.ndim:
                raise DataError(f"{self.file}: {split}_labels are {labels.dtype}, but labels are whole numbers")
            labels = labels.reshape(len(labels), -1).astype(np.int64)
            names = [f"label_{n}" for n in range(labels.shape[1])] if labels.shape[1] > 1 else ["label"]
            part = pd.DataFrame(labels, columns=names, index=[f"{split}_{n}" for n in range(len(labels))])
            parts.append(part.assign(split=split))
        samples = pd.concat(parts).rename_axis("sample")
        samples.insert(0, "patient", samples.index)
        samples.insert(1, "study", samples.index)
        return samples

    @cached_property
    def _kept(self) -> dict[str, NDArray[Any]]:
        return {}

    def _images(self, split: str) -> NDArray[Any]:
        with _READING:
            if split not in self._kept:
                images = self._array(f"{split}_images")
                labelled = int((self._samples["split"] == split).sum())
                if images.dtype.kind not in "biuf" or images.ndim not in (3, 4, 5):
                    raise DataError(
                        f"{self.file}: {split}_images are {images.dtype} {images.shape}, but images are numbers "
                        "(N, H, W), with colours or slices"
                    )
                if len(images) != labelled:
                    raise DataError(f"{self.file}: {len(images)} {split}_images, but {labelled} {split}_labels")
                self._kept[split] = images
            return self._kept[split]

    def _array(self, name: str) -> NDArray[Any]:
        if not self.file:
            raise DataError("medmnist has no file: set `file` to an official .npz such as breastmnist.npz")
        if not Path(self.file).is_file():
            raise DataError(f"{self.file}: no such file: MedMNIST's files are at doi:10.5281/zenodo.10519652")
        return arrays.read(Path(self.file), name)
