"""What a model says of a study: tables, pictures with its points, and one page that holds both."""

from results.diagnosis.findings import Diagnosis, Finding, Mark, Slice
from results.diagnosis.submission import write_submission
from results.diagnosis.write import write_diagnosis

__all__ = ["Diagnosis", "Finding", "Mark", "Slice", "write_diagnosis", "write_submission"]
