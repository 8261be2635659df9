"""Reads tables of labels and patients: CSV and Excel files, types of columns, and ids."""
