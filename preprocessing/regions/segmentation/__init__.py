"""What the region `segmented` is made of: a network, its training, disc instances, and how good they are."""
