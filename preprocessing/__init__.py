"""The steps before learning: regions, image steps, table steps and class balance."""
