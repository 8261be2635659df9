"""Cohen's kappa with quadratic weights."""

from results.statistics import confusion
from results.statistics.metrics.base import OfCounts

METRIC = OfCounts(
    "Quadratic kappa",
    meaning="Agreement with the grade beyond chance; an error of two grades costs four times as much as one of one.",
    order=100,
    ordinal=True,
    reference="J. Cohen, Weighted kappa, 1968, doi:10.1037/h0026256",
    lowest=-1,
    highest=1,
    formula=confusion.quadratic_kappa,
)
