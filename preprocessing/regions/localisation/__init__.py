"""The parts of the region `predicted`: stacks of slices, two networks for each sequence, their training, baselines."""
