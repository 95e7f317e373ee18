"""Firmware update: LENA-R8 guide 11; LARA-R6 by its manuals and, marked so, those of relatives."""
