"""RSNA 2024: its places, its tables and its score."""
