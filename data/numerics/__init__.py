"""Mathematics that several stages need in exactly the same form."""
