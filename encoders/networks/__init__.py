"""What torch encoders share: batches, weights, pixels, early stopping, projections."""
