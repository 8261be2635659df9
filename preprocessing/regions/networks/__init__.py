"""What the regions that learn share."""
