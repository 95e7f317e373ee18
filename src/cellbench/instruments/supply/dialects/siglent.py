"""Siglent SPD3303X."""

from cellbench.instruments.conversation import ErrorQuery, Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Evidence

SPD3303X = Dialect(
    kind="supply.siglent-spd3303x",
    models="Siglent SPD3303X, SPD3303X-E",
    source="Siglent SPD3303X/3303X-E Quick Start QS0503X-E01B/EN_02A, remote control: CH<n>:VOLTage, "
           "CH<n>:CURRent, OUTPut, MEASure, SYSTem:STATus (bits 4 and 5: channels on), "
           "SYSTem:ERRor; by a public abridgement of it",
    evidence=Evidence.DRIVER,
    doubts="CH3 is set by a switch at its front: channels 1 and 2 alone. No protection can be set or read "
           "from remote. The pause between commands is from public drivers",
    identity=r"Siglent Technologies, ?SPD3303X(-E)?,.*",
    channels=2,
    select=None, selected=None,
    set_voltage="CH{channel}:VOLT {value}", voltage=Query("CH{channel}:VOLT?"),
    set_current="CH{channel}:CURR {value}", current=Query("CH{channel}:CURR?"),
    output_on="OUTP CH{channel},ON", output_off="OUTP CH{channel},OFF",
    output=Flag(Query("SYST:STAT?"), (1 << 4, 1 << 5)),
    measure_voltage=Query("MEAS:VOLT? CH{channel}"), measure_current=Query("MEAS:CURR? CH{channel}"),
    set_over_voltage=(), over_voltage=None, trips=(),
    errors=(ErrorQuery(form=r"[+-]?\d+\s*[,\s]\s*\S.*"),),
    greeting=(),
    tolerance_v=0.011, tolerance_a=0.011,  # the X-E rounds to 10 mV and 10 mA
    gap_s=0.02,
)

DIALECTS = (SPD3303X,)
