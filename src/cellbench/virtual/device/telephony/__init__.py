"""The module's telephone: voice calls, short messages, their stores and their AT commands."""
