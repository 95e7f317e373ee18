"""ACME PS-2: two channels, every command with its channel. ACME PS-2 Programmer's Manual, edition 3."""

from __future__ import annotations

from cellbench.instruments.conversation import Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Trip
from cellbench.instruments.supply.scpi import supply_kind

PS2 = Dialect(
    kind="supply.acme-ps2",
    models="ACME PS-2",
    source="ACME PS-2 Programmer's Manual, edition 3, chapter 4",
    identity=r"ACME,PS-2,.*",
    channels=2,
    select=None,
    selected=None,
    set_voltage="SOUR{channel}:VOLT {value}",
    voltage=Query("SOUR{channel}:VOLT?"),
    set_current="SOUR{channel}:CURR {value}",
    current=Query("SOUR{channel}:CURR?"),
    output_on="OUTP{channel} ON",
    output_off="OUTP{channel} OFF",
    output=Flag(Query("OUTP{channel}?")),
    measure_voltage=Query("MEAS{channel}:VOLT?"),
    measure_current=Query("MEAS{channel}:CURR?"),
    set_over_voltage=(),
    over_voltage=None,
    trips=(Trip("over-current", Flag(Query("TRIP{channel}?")), ("TRIP{channel}:CLE",)),),
)

KIND = supply_kind(PS2)
