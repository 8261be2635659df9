"""What trained fusions share: layers, batches of tokens and the training."""
