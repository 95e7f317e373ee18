"""Registration, bearers, contexts: LENA-R8 guide chapter 7, LARA-R6 guide chapter 2."""
