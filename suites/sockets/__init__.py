"""TCP and UDP sockets: LENA-R8 guide 9.2, LARA-R6 guide 5."""
