"""The far side of the network: real servers on loopback."""
