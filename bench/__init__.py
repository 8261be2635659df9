"""The engine: carries data from stage to stage and knows no plug-in by name."""
