"""How absent sequences are predicted, and how good the prediction is."""
