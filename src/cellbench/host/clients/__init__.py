"""The module's internet clients as Python calls, and whose failure an error is."""
