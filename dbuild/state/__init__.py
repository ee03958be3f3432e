"""The state store: what earlier builds used and made. Unaware of recipes and of how verdicts come about."""
