"""Pipes of bytes to the world: serial ports, RFC 2217, TCP, the tap that stamps them, USB discovery."""
