"""Record: a run from start to end, its folder, its progress, and what it was made with."""
