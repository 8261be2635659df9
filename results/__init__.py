"""Stored predictions to numbers, tables and figures; knows neither torch nor the engine."""
