"""What the fusions that are trained with labels share: layers, batches of tokens, training."""
