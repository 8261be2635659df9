"""A first look at a table of images: what each column is, what is missing, and a grid to begin with."""
