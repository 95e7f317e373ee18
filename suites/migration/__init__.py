"""From LARA-R6 to LENA-R8: LENA-R8 guide chapter 13."""
