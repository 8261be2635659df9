"""How files and folders are written: whole or not at all, and nothing of others is removed."""
