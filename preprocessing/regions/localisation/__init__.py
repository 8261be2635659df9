"""What the region `predicted` is made of: stacks of slices, two networks a sequence, their training, baselines."""
