"""The scale of the features of each sequence."""
