"""Measures a structure of a mask in patient space."""
