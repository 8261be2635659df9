"""How class imbalance is treated inside whatever a head fits on: one way a file."""
