"""Rigol DP800."""

from cellbench.instruments.conversation import Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Evidence, Trip

DP800 = Dialect(
    kind="supply.rigol-dp800",
    models="Rigol DP811(A), DP821(A), DP831(A), DP832(A)",
    source="Rigol DP800 Programming Guide (December 2015): page 2-57 (:OUTPut:OCP:VALue) as text, the rest "
           "by a public abridgement of the guide and by public drivers",
    evidence=Evidence.DRIVER,
    identity=r"RIGOL TECHNOLOGIES,DP8(11|21|31|32)A?,.*",
    counts={"DP811": 1, "DP821": 2, "DP83[12]": 3}, channels=1,
    select=None, selected=None,
    set_voltage=":SOUR{channel}:VOLT {value}", voltage=Query(":SOUR{channel}:VOLT?"),
    set_current=":SOUR{channel}:CURR {value}", current=Query(":SOUR{channel}:CURR?"),
    output_on=":OUTP CH{channel},ON", output_off=":OUTP CH{channel},OFF",
    output=Flag(Query(":OUTP? CH{channel}")),
    measure_voltage=Query(":MEAS:VOLT? CH{channel}"), measure_current=Query(":MEAS:CURR? CH{channel}"),
    set_over_voltage=(":OUTP:OVP:VAL CH{channel},{value}", ":OUTP:OVP CH{channel},ON"),
    over_voltage=Query(":OUTP:OVP:VAL? CH{channel}"),
    set_over_current=(":OUTP:OCP:VAL CH{channel},{value}", ":OUTP:OCP CH{channel},ON"),
    over_current=Query(":OUTP:OCP:VAL? CH{channel}"),
    trips=(
        Trip("over-current", Flag(Query(":OUTP:OCP:QUES? CH{channel}")), (":OUTP:OCP:CLEAR CH{channel}",)),
        Trip("over-voltage", Flag(Query(":OUTP:OVP:QUES? CH{channel}")), (":OUTP:OVP:CLEAR CH{channel}",))),
    tolerance_v=0.011, tolerance_a=0.011,  # models without A round to 10 mV, the DP811 to 10 mA
    rate_bit_s=9600,
)

DIALECTS = (DP800,)
