"""Where in a volume to look: one region a file."""
