"""Firmware update from the host's side: packages, ways, what is told of them."""
