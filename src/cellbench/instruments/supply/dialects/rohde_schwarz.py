"""Rohde & Schwarz: NGE100, HMP (also sold as HAMEG) and NGM200.

A channel feeds while it is activated (OUTPut:SELect) and the master switch (OUTPut:GENeral) is on. The
master switch is never switched off, for it would take the channels of other slots along; when it is off,
the engine deactivates the other channels before it is switched on.
"""

from cellbench.instruments.conversation import Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Evidence, LogWay, MasterSwitch, Trip

_MASTER = MasterSwitch("OUTP:GEN ON", Flag(Query("OUTP:GEN?")))
_ACTIVATED = Flag(Query("OUTP:SEL?"))
_OVER_VOLTAGE = Trip("over-voltage", Flag(Query("VOLT:PROT:TRIP?")), ("VOLT:PROT:CLE",))

NGE100 = Dialect(
    kind="supply.rs-nge100",
    models="R&S NGE102, NGE103, NGE102B, NGE103B",
    source="R&S NGE100 User Manual, remote control commands, as public drivers that were tried on an NGE103B "
           "send them",
    evidence=Evidence.DRIVER,
    doubts="what clears a blown fuse is taken from the NGM200; where it is refused, the fuse counts as "
           "forgotten until the channel is switched on again",
    identity=r"Rohde ?& ?Schwarz, ?NGE10[23]B?,.*",
    counts={"NGE102": 2, "NGE103": 3}, channels=2,
    output_on="OUTP:SEL ON", output_off="OUTP:SEL OFF", output=_ACTIVATED, master=_MASTER,
    set_over_voltage=("VOLT:PROT:LEV {value}", "VOLT:PROT:STAT ON"), over_voltage=Query("VOLT:PROT:LEV?"),
    set_over_current=("FUSE ON",),
    trips=(Trip("over-current", Flag(Query("FUSE:TRIP?")), ("FUSE:TRIP:CLE",), sure=False), _OVER_VOLTAGE),
    tolerance_v=0.011,
)

HMP = Dialect(
    kind="supply.rs-hmp",
    models="R&S and HAMEG HMP2020, HMP2030, HMP4030, HMP4040",
    source="R&S HMP Series SCPI Programmers Manual 5800.5760.02 version 01: INSTrument, SOURce, OUTPut, "
           "FUSE, as public drivers quote it",
    evidence=Evidence.DRIVER,
    doubts="no command clears a blown fuse: it counts as forgotten until the channel is switched on again",
    identity=r"(Rohde ?& ?Schwarz|HAMEG( Instruments)?), ?HMP(20[23]0|40[34]0),.*",
    counts={"HMP2020": 2, "HMP[24]030": 3, "HMP4040": 4}, channels=2,
    output_on="OUTP:SEL ON", output_off="OUTP:SEL OFF", output=_ACTIVATED, master=_MASTER,
    set_over_voltage=("VOLT:PROT {value}",), over_voltage=Query("VOLT:PROT?"),
    set_over_current=("FUSE ON",),
    trips=(Trip("over-current", Flag(Query("FUSE:TRIP?"))), _OVER_VOLTAGE),
    rate_bit_s=9600, flow="rts-cts",
)

NGM200 = Dialect(
    kind="supply.rs-ngm200",
    models="R&S NGM201, NGM202",
    source="R&S NGL200/NGM200 User Manual 1178.8736.02, remote control commands, by the maker's own driver "
           "package RsNgx 3.1.0 that is generated from it; the maker's example of a FastLog over SCPI",
    evidence=Evidence.MANUAL,
    doubts="the byte order of FastLog blocks (little-endian) is from public scripts",
    identity=r"Rohde ?& ?Schwarz, ?NGM20[12],.*",
    counts={"NGM201": 1, "NGM202": 2}, channels=1,
    output_on="OUTP:SEL ON", output_off="OUTP:SEL OFF", output=_ACTIVATED, master=_MASTER,
    set_over_voltage=("VOLT:PROT:LEV {value}", "VOLT:PROT:STAT ON"), over_voltage=Query("VOLT:PROT:LEV?"),
    set_over_current=("FUSE ON",),
    trips=(Trip("over-current", Flag(Query("FUSE:TRIP?")), ("FUSE:TRIP:CLE",)), _OVER_VOLTAGE),
    log=LogWay.RS_FASTLOG,
)

DIALECTS = (NGE100, HMP, NGM200)
