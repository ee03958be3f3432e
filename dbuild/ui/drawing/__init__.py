"""Flows drawn in characters. Unaware of terminals, of files and of the state."""
