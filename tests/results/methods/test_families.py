"""Declared families of comparisons in the methods: their references, and what was not tested."""

import numpy as np

from results.methods import methods
from tests.results.methods.test_methods import complete


def test_a_family_names_its_reference_by_steps_and_number(new_run):
    against = {"encoders": "weak", "heads": "svc"}
    families = [
        {"family": {"heads": "svc"}, "against": one, "metric": "auc", "margin": None} for one in ("location", against)
    ]
    writer = new_run(compare=families)
    for i, encoder in enumerate(("strong", "weak", "weaker"), start=4):
        writer.add(
            writer.signal + i * writer.random.normal(size=len(writer.y)), encoders=encoder, heads="svc", number=i
        )
    writer.add_floors()
    text = methods(complete(writer))
    assert (
        "2 families of comparisons were declared in the grid. Family 1 compared the cells that have heads `svc` "
        in text
    )
    assert (
        "with the floor `location` by AUC; comparisons that could be made: 3 for narrowing. Family 2 compared the "
        in text
    )
    assert (
        "with the cell that has encoders `weak` and heads `svc` (cell 5 for narrowing) by AUC; comparisons that could "
        "be made: 2" in text
    )


def test_a_family_of_cells_on_few_patients_is_not_called_tested(new_run):
    """The target has cells on enough patients too, so that the second family is tested."""
    families = [
        {"family": {"sequences": one}, "against": "prior", "metric": "auc", "margin": 0.05} for one in ("t1", "t2")
    ]
    writer = new_run(compare=families)
    few = np.isin(writer.of_patient, np.unique(writer.of_patient)[:15])
    for sequences, rows in (("t1", few), ("t2", slice(None))):
        writer.add(writer.signal, heads="svc", sequences=sequences, rows=rows)
        writer.add(np.zeros(len(writer.y)), heads="prior", floor=True, sequences=sequences, rows=rows)
    text = methods(complete(writer))
    assert "and tested by Student's t" in text
    assert (
        "Exploratory comparisons (fewer than 20 patients in a class) were not tested, neither for a difference nor for "
        "equivalence within 0.05: those of narrowing in family 1."
    ) in text
