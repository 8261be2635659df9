"""Vector to class probabilities: one classifier in each file."""
