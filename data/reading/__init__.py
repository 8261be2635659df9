"""Reads files, series, headers and tables; images keep their place in the patient."""
