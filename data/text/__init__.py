"""Words that messages share."""
