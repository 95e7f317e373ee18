"""The DTE's side of the AT dialogue, without I/O: encode, receive, session."""
