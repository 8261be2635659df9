"""The parts of the region `segmented`: a network, its training, single discs, and their quality."""
