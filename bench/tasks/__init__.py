"""Carry: what each stage reads and writes, the store, and where the tasks run."""
