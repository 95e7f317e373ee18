"""A run over several slots: which worker takes which test, in which order, and what happens when one dies."""
