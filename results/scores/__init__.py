"""The scores of every cell of a run, from its stored predictions."""
