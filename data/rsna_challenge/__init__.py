"""What is particular to RSNA 2024: its tables, its places and its score."""
