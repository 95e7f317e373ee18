"""DNS and ping: LARA-R6 guide 2.4, LENA-R8 guide 7.2.2."""
