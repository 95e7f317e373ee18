"""The module's end of PPP, without I/O: framing, negotiation, authentication, network protocols."""
