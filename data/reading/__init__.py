"""Files, series, headers and tables, read with their place in the patient."""
