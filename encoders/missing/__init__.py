"""Fills the sequences that a sample lacks: one missing step in each file."""
