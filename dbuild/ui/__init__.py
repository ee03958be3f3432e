"""What people and programs see: sinks of events, and reports as lines of text and as JSON. Decides nothing."""
