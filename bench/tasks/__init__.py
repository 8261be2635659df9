"""Carry: what each stage reads and writes, the store, and the tasks and their threads."""
