"""How class imbalance is treated in the rows that a head is fitted on: one way in each file."""
