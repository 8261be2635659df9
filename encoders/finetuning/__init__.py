"""Trains 2D networks with labels, from pixels to classes."""
