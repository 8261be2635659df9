"""Clinical columns to numbers: one table step in each file."""
