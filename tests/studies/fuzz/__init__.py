"""Hostile inputs: sound files are damaged at random and read; nothing may be read wrong, crash or run out of bounds."""
