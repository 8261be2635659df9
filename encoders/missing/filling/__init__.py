"""Predicts absent sequences, and measures how good the predictions are."""
