"""How a plug-in describes itself. No key of a result depends on this file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

LearnsFrom = Literal["nothing", "images", "columns", "labels"]
WeightsFrom = Literal["", "random", "pretrained", "file"]
DESCRIBING = frozenset({"words", "cites", "packages", "licence", "alone", "source", "unlabelled", "column_fields"})
"""The class variables of `PlugIn` and of a fusion; and `source`, `unlabelled` and `column_fields` of a dataset."""
DECLARING = frozenset(
    {"describe", "needs_structure", "gives_structure", "needs_masks", "may_have_masks", "fitting_fields"}
)
"""The methods of plug-ins that describe, that decide which cells are refused, or by which new data take fields of known
data; they change no result."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a configured plug-in is: the methods section, the report and the model card read it.

    Args:
        words: What it is, as the object of a sentence, such as `"k nearest neighbours"`; empty where its author gave
            no words.
        summary: The first line of its docstring, without the full stop.
        cites: Keys of `references.bib`, or whole BibTeX entries as text.
        packages: The distributions that it uses, such as `"scikit-learn"`; NumPy and pandas need not be named.
        learns: What it learns from inside each fold: `"images"` and `"columns"` (of the table) are without labels.
        stops_early: Whether it stops training by patients that it holds out of the training patients.
        weights: What its network starts from; empty where it has no network.
        licence: The licence of its pretrained weights; empty where it uses none.
        projected: Whether its features go through a projection that is learnt inside each fold.
        averages: Whether it averages the outputs of several models.
        resamples: Whether it adds or drops training rows.
        alone: What a fusion makes of a single sequence; fusions with the same words make the same vectors of it.

    Raises:
        ValueError: `words`, `cites` or `packages` are no texts.
    """

    words: str = ""
    summary: str = ""
    cites: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    learns: LearnsFrom = "nothing"
    stops_early: bool = False
    weights: WeightsFrom = ""
    licence: str = ""
    projected: bool = False
    averages: bool = False
    resamples: bool = False
    alone: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.words, str):
            raise ValueError(f"words ({self.words!r}) must be a text")
        for name, values in (("cites", self.cites), ("packages", self.packages)):
            if not isinstance(values, tuple) or not all(isinstance(value, str) for value in values):
                raise ValueError(f"{name} ({values!r}) must be a tuple of texts, such as ('scipy',)")


class PlugIn:
    """The root of all plug-ins: it describes itself, so that nothing outside its file has to know it.

    Class variables: `words`, `cites` and `packages` are those of `Description`; `licence` is the licence of pretrained
    weights. They decide no result: an edit of them, or of `describe`, recomputes nothing. So nothing that computes
    reads them. The same holds for `column_fields` and `fitting_fields`, by which new data get the columns of known
    data: what is then read is in keys.

    `column_fields` names the fields of a dataset that name columns of its table: a text, a list, or a mapping whose
    keys are columns.
    """

    words: ClassVar[str] = ""
    cites: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()
    licence: ClassVar[str] = ""
    column_fields: ClassVar[tuple[str, ...]] = ()

    def describe(self) -> Description:
        """The description of this plug-in; overridden where its fields change the description."""
        return Description(words=self.words, summary=summary(type(self)), cites=self.cites, packages=self.packages)

    def table_notes(self) -> tuple[str, ...]:
        """Sentences on how a dataset read its tables, for the reader of its results; other plug-ins have none."""
        return ()

    def fitting_fields(self, fields: Mapping[str, Any], said: Collection[str]) -> dict[str, Any]:
        """The fields that a dataset takes from known data of the same plug-in, since its table has their columns.

        Args:
            fields: Those of `column_fields` that the known data name and the user does not.
            said: The fields that the user names.
        """
        return {}

    def may_have_masks(self) -> bool:
        """Whether scans of a dataset may come with masks; False lets plans refuse cells that need them."""
        return True


def summary(cls: type) -> str:
    """The first line of a class's own docstring, without the full stop; empty where it has none."""
    document = (vars(cls).get("__doc__") or "").strip()
    made_by_dataclass = document.startswith(f"{cls.__name__}(")
    return "" if made_by_dataclass or not document else document.splitlines()[0].strip().rstrip(".")
