"""Where in a volume to look: one region in each file."""
