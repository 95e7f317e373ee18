"""The full-stack watchdog of LENA-R8 guide 8.2 as a ladder: symptom, countermeasure, test, next level."""
