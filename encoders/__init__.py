"""Image to tokens: one encoder a file."""
