"""Serial interfaces: LENA-R8 guide 5.1, 5.3, 5.4."""
