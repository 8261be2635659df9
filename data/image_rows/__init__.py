"""The rows of a table of images: its columns, its ids, and one sample for all rows of a patient and place."""
