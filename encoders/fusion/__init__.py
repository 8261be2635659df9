"""Tokens of several slices and sequences to one vector for each sample: one fusion in each file."""
