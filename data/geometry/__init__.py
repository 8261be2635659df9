"""Boxes, crops and planes in patient space."""
