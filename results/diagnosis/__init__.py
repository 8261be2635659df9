"""The diagnosis of a study by a model: tables, pictures with points, and one page that holds both."""

from results.diagnosis.findings import Diagnosis, Finding, Mark, Slice
from results.diagnosis.grade_map import GradeMap, MappedCrop
from results.diagnosis.write import write_diagnosis

__all__ = ["Diagnosis", "Finding", "GradeMap", "MappedCrop", "Mark", "Slice", "write_diagnosis"]
