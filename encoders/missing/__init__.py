"""What stands in for a sequence that a sample lacks: one filler a file."""
