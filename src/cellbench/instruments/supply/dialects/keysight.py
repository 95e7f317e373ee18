"""Keysight: E36300, E36100, N6700 and N6705.

All of them restore the state before the trip when a protection is cleared (N6900/N7900 Operating and
Service Guide, OUTPut:PROTection:CLEar, says so for the whole command family): the engine switches the
output off first.
"""

from cellbench.instruments.conversation import Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Evidence, LogWay, Trip

_CLEAR = ("OUTP:PROT:CLE (@{channel})",)

E36300 = Dialect(
    kind="supply.keysight-e36300",
    models="Keysight E36311A, E36312A, E36313A",
    source="Keysight E36300 Series Programming Guide, subsystems SOURce:VOLTage, SOURce:CURRent, OUTPut, "
           "MEASure, SYSTem:ERRor, as abridged in public command references; protection queries as public "
           "drivers send them",
    evidence=Evidence.DRIVER,
    doubts="its data log goes to a file in the instrument, 0.2 s at the fastest: not used as a fast log",
    identity=r"(Keysight|Agilent) Technologies,E3631[1-3]A,.*",
    channels=3,
    select=None, selected=None,
    set_voltage="VOLT {value},(@{channel})", voltage=Query("VOLT? (@{channel})"),
    set_current="CURR {value},(@{channel})", current=Query("CURR? (@{channel})"),
    output_on="OUTP ON,(@{channel})", output_off="OUTP OFF,(@{channel})",
    output=Flag(Query("OUTP? (@{channel})")),
    measure_voltage=Query("MEAS:VOLT? (@{channel})"), measure_current=Query("MEAS:CURR? (@{channel})"),
    set_over_voltage=("VOLT:PROT {value},(@{channel})",), over_voltage=Query("VOLT:PROT? (@{channel})"),
    set_over_current=("CURR:PROT:STAT ON,(@{channel})",),
    trips=(Trip("over-current", Flag(Query("CURR:PROT:TRIP? (@{channel})")), _CLEAR),
           Trip("over-voltage", Flag(Query("VOLT:PROT:TRIP? (@{channel})")), _CLEAR)),
)

E36100 = Dialect(
    kind="supply.keysight-e36100",
    models="Keysight E36102A/B, E36103A/B, E36104A/B, E36105A/B, E36106A/B",
    source="Keysight E36100 Series Programming Guide, subsystems SOURce, OUTPut, MEASure, SYSTem: not found "
           "as text; commands of the E36300 guide for a single output, without channel lists",
    evidence=Evidence.RECALLED,
    doubts="one output: channel 1; that no channel list is taken is recalled, not looked up",
    identity=r"(Keysight|Agilent) Technologies,E3610[2-6][AB],.*",
    channels=1,
    select=None, selected=None,
    set_over_current=("CURR:PROT:STAT ON",),
    trips=(Trip("over-current", Flag(Query("CURR:PROT:TRIP?")), ("OUTP:PROT:CLE",)),
           Trip("over-voltage", Flag(Query("VOLT:PROT:TRIP?")), ("OUTP:PROT:CLE",))),
)

_QUESTIONABLE = Query("STAT:QUES:COND? (@{channel})", r"\+?{number}")

N6700 = Dialect(
    kind="supply.keysight-n6700",
    models="Keysight/Agilent N6700A/B/C, N6701A/C, N6702A/C, N6705A/B/C with their modules",
    source="Keysight N6700 User's Guide and N6705 User's Guide, External Data Logging; Programmer's "
           "Reference: SOURce, OUTPut, MEASure, STATus:QUEStionable (bit 0 OV, bit 1 OC) as public "
           "drivers use it",
    evidence=Evidence.DRIVER,
    doubts="modules with one measurement converter cannot measure voltage while current is logged",
    identity=r"(Keysight|Agilent) Technologies,N67(00|01|02|05)[ABC],.*",
    channels=4,
    select=None, selected=None,
    set_voltage="VOLT {value},(@{channel})", voltage=Query("VOLT? (@{channel})"),
    set_current="CURR {value},(@{channel})", current=Query("CURR? (@{channel})"),
    output_on="OUTP ON,(@{channel})", output_off="OUTP OFF,(@{channel})",
    output=Flag(Query("OUTP? (@{channel})")),
    measure_voltage=Query("MEAS:VOLT? (@{channel})"), measure_current=Query("MEAS:CURR? (@{channel})"),
    set_over_voltage=("VOLT:PROT {value},(@{channel})",), over_voltage=Query("VOLT:PROT? (@{channel})"),
    set_over_current=("CURR:PROT:STAT ON,(@{channel})",),
    trips=(Trip("over-current", Flag(_QUESTIONABLE, (1 << 1,)), _CLEAR),
           Trip("over-voltage", Flag(_QUESTIONABLE, (1 << 0,)), _CLEAR)),
    log=LogWay.KEYSIGHT_ELOG,
)

DIALECTS = (E36300, E36100, N6700)
