"""What a module says during a firmware update, as a machine without I/O: bytes and the time go in, events
come out (LENA-R8 guide 11.1.1, 11.2.2, Tables 48 and 52)."""
