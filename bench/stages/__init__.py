"""Compute: one module of pure functions for each stage. Keys of results hold their code, so none imports the store."""
