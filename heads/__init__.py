"""Vector to class probabilities: one classifier a file."""
