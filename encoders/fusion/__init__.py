"""Tokens of several slices and sequences to one vector a sample: one fusion a file."""
