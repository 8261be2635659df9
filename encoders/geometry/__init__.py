"""How a structure of a mask is measured in patient space."""
