"""ACME's bench instruments for cellbench."""
