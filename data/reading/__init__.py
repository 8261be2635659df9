"""Reads image files of every kind that is claimed; images keep their place in the patient."""
