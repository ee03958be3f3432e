"""Running tasks and publishing what they made. Unaware of the graph and of why something runs."""
