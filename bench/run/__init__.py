"""Record: a run from start to end, its folder and its progress, and the code and machine that made it."""
