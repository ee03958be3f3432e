"""The outside world as values. Observing never changes anything and decides nothing."""
