"""GW Instek GPP."""

from cellbench.instruments.conversation import Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Evidence, Trip

GPP = Dialect(
    kind="supply.gwinstek-gpp",
    models="GW Instek GPP-1326, GPP-2323, GPP-3323, GPP-4323, GPP-3060, GPP-6030, GPP-3650",
    source="GW Instek GPP Series User Manual page 128 and GPP-3060/6030 User Manual page 136 "
           "(:OUTPut<n>:OVP); public drivers for :SOURce<n>, :MEASure<n>, :OUTPut<n>:STATe",
    evidence=Evidence.DRIVER,
    doubts=":OUTPut<n>:OCP:TRIGer? is by analogy with OVP, and :CLEar of both by analogy with other "
           "supplies: where it is refused, a trip counts as forgotten until the output is switched on again. "
           "VSET<n> and ISET<n> mean the same and are not used",
    identity=r"GW ?-?INSTEK, ?GPP-?\d{4}\w*,.*",
    counts={"GPP-?1326": 1, "GPP-?2323": 2, "GPP-?3323": 3, "GPP-?4323": 4, "GPP-?(3060|6030|3650)": 3},
    channels=2,
    select=None, selected=None,
    set_voltage=":SOURce{channel}:VOLTage {value}", voltage=Query(":SOURce{channel}:VOLTage?", r"{number}V?"),
    set_current=":SOURce{channel}:CURRent {value}", current=Query(":SOURce{channel}:CURRent?", r"{number}A?"),
    output_on=":OUTPut{channel}:STATe ON", output_off=":OUTPut{channel}:STATe OFF",
    output=Flag(Query(":OUTPut{channel}:STATe?")),
    measure_voltage=Query(":MEASure{channel}:VOLTage?", r"{number}V?"),
    measure_current=Query(":MEASure{channel}:CURRent?", r"{number}A?"),
    set_over_voltage=(":OUTPut{channel}:OVP {value}", ":OUTPut{channel}:OVP:STATe ON"),
    over_voltage=Query(":OUTPut{channel}:OVP?", r"{number}V?"),
    set_over_current=(":OUTPut{channel}:OCP {value}", ":OUTPut{channel}:OCP:STATe ON"),
    over_current=Query(":OUTPut{channel}:OCP?", r"{number}A?"),
    trips=(Trip("over-current", Flag(Query(":OUTPut{channel}:OCP:TRIGer?")), (":OUTPut{channel}:OCP:CLEar",),
                sure=False),
           Trip("over-voltage", Flag(Query(":OUTPut{channel}:OVP:TRIGer?")), (":OUTPut{channel}:OVP:CLEar",),
                sure=False)),
    rate_bit_s=115200,
)

DIALECTS = (GPP,)
