"""Decide: the samples, the folds, every cell with its keys, and which cells are refused. No step is computed here."""
