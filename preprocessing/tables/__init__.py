"""Clinical columns to numbers: one table step a file."""
