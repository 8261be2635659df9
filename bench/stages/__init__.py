"""One module a stage: pure functions that the keys of their results name, so none imports the store or the runner."""
