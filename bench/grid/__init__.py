"""Ask: the grid file, its values, the axes, and what `--only` selects."""
