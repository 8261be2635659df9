"""A module for each stage: pure functions. The keys of results name them, so none imports the store or the runner."""
