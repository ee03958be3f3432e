"""How targets are made: SQL, Python and shell recipes. Unaware of the graph and of the state."""
