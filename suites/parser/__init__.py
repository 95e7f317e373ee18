"""The AT interface: LENA-R8 guide chapter 4."""
