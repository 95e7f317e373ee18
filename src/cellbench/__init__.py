"""Hardware-in-the-loop test framework for u-blox LENA-R8 and LARA-R6 cellular modules."""

__version__ = "0.1.0"
