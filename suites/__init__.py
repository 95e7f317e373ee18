"""Procedures: the application guides made executable, one folder per subject."""
