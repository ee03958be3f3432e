"""What this flow has of its own in Python."""
