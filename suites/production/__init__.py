"""The production sequence of one unit."""
