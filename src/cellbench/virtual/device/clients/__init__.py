"""The module's internet clients: state in one file, its AT commands in the file beside it."""
