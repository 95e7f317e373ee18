"""The commands that SCPI-1999 itself defines."""

from cellbench.instruments.supply.dialect import Dialect

GENERIC = Dialect(
    kind="supply.scpi-generic",
    models="any supply with the SCPI-1999 commands below",
    source="SCPI-1999 volume 2: INSTrument, SOURce:VOLTage and :CURRent, OUTPut, MEASure, SYSTem:ERRor",
    doubts="the number of channels is a setting; a trip of the over-voltage protection is not asked for",
)
