"""The order that classes in words have by what the words say, in English, German, French, Spanish and Italian."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data.image_rows.class_order import ABSENT
from data.text.spelling import word


def _ranks(*lines: str) -> dict[str, int]:
    """The rank of each word: a line for each rank, words between commas."""
    return {one.strip(): rank for rank, line in enumerate(lines, start=1) for one in line.split(",")}


_NOTHING = dict.fromkeys(
    (
        *ABSENT,
        *("aucun", "aucune", "absente", "nulle", "saine", "normale"),
        *("ninguno", "ninguna", "nessuno", "nessuna", "assente"),
    ),
    0,
)
_SCALES = (
    _ranks(
        "minimal, trace, doubtful, questionable, fraglich, douteux, douteuse, dudoso, dubbio, minime, mínimo, minimo",
        "mild, slight, leicht, leichtgradig, gering, geringgradig, léger, légère, leve, ligero, ligera, lieve",
        "moderate, mittel, mittelgradig, mäßig, moderat, modéré, modérée, moderado, moderada, moderato, moderata",
        "severe, marked, schwer, schwergradig, hochgradig, ausgeprägt, sévère, grave, severo, severa",
        "extreme, very severe, proliferative, extrem, sehr schwer, extrême, très sévère, muy grave, estremo",
    ),
    _ranks(
        "very low, sehr niedrig, très faible, muy bajo, molto basso",
        "low, niedrig, gering, faible, bas, basse, bajo, baja, basso, bassa",
        "medium, intermediate, middle, moderate, mittel, moyen, moyenne, medio, media, intermediär, intermédiaire",
        "high, hoch, élevé, élevée, haut, haute, alto, alta",
        "very high, sehr hoch, très élevé, muy alto, molto alto",
    ),
    _ranks(
        "small, klein, petit, petite, pequeño, pequeña, piccolo, piccola",
        "medium, mittel, moyen, moyenne, mediano, mediana, medio, media",
        "large, groß, grand, grande",
    ),
    _ranks(
        "early, früh, précoce, temprano, precoce",
        "intermediate, intermediär, intermédiaire, intermedio",
        "late, advanced, spät, fortgeschritten, tardif, avancé, tardío, avanzado, tardivo, avanzato",
    ),
)
_NUMBERED = re.compile(r"(\D*?)\s*(\d+)")
_ROMAN = {name: rank for rank, name in enumerate(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"], start=1)}


def known_order(classes: Sequence[str]) -> list[str] | None:
    """Classes in words, the least first; None if their words say no order.

    It is known for words of one scale, such as none, mild and severe; for one word with numbers, such as G1, G2 and G3;
    and for Roman numbers. No two classes may have the same rank.

    Args:
        classes: Three or more classes as a table writes them.
    """
    words = {one: word(one) for one in classes}
    for scale in (*(_NOTHING | scale for scale in _SCALES), _ROMAN):
        ranks = [scale.get(text) for text in words.values()]
        if None not in ranks and len(set(ranks)) == len(ranks):
            return sorted(words, key=lambda one: scale[words[one]])
    numbered = {one: _NUMBERED.fullmatch(text) for one, text in words.items()}
    found = {one: (match[1], int(match[2])) for one, match in numbered.items() if match}
    if len(found) == len(words) == len({number for _, number in found.values()}):
        return sorted(found, key=lambda one: found[one][1]) if len({text for text, _ in found.values()}) == 1 else None
    return None
