"""Steps from image to image: one in each file."""
