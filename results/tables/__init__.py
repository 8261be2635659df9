"""The tables of a run, and the formats that they are written in."""
