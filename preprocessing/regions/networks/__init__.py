"""Code that all regions that learn share."""
