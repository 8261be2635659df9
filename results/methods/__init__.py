"""What goes around a table in a paper: the methods in words, from a run folder alone."""
