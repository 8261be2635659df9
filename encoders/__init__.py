"""Image to tokens: one encoder in each file."""
