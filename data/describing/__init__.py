"""What plug-ins state about themselves, and the literature that they cite; none of it decides a result."""
