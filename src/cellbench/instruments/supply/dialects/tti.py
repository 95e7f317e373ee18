"""Aim-TTi (Thurlby Thandar): CPX, QL and their siblings, in their own language.

Errors are registers, each cleared by its reading: EER? execution errors, QER? query errors, *ESR? with bits
2, 4 and 5 for query, execution and command errors. LSR<n>? tells what has happened at an output since it was
last read: bit 2 an over-voltage trip, bit 3 an over-current trip.
"""

from cellbench.instruments.conversation import ErrorQuery, Flag, Query
from cellbench.instruments.supply.dialect import Dialect, Evidence, Trip

_LIMITS = Query("LSR{channel}?")

CPX_QL = Dialect(
    kind="supply.tti-cpx-ql",
    models="Aim-TTi CPX200DP, CPX400DP/SP, QL355P/TP, QL564P/TP, PL-P and PLH-P",
    source="Aim-TTi CPX400DP Instruction Manual, Remote Commands (answers end in CR LF, commands in LF); "
           "MX180T manual page 35 for the same commands' answers; public drivers for LSR<n>?",
    evidence=Evidence.DRIVER,
    doubts="bits of LSR<n>? differ in newer families (QPX, MX: use an own dialect); OVP<n>? answers with or "
           "without its VP<n> by model: both are taken",
    identity=r"THURLBY[ -]THANDAR ?, ?(CPX|QL|PL|PLH)\w*\s*,.*",
    counts={r"CPX\d+DP|QL\d+TP|PLH?\d+QMTP|PLH?\d+QMDP": 2, r"CPX\d+SP|QL\d+P\b|PLH?\d+-?P\b": 1}, channels=2,
    select=None, selected=None,
    set_voltage="V{channel} {value}", voltage=Query("V{channel}?", r"V{channel} {number}"),
    set_current="I{channel} {value}", current=Query("I{channel}?", r"I{channel} {number}"),
    output_on="OP{channel} 1", output_off="OP{channel} 0", output=Flag(Query("OP{channel}?")),
    measure_voltage=Query("V{channel}O?", r"{number}V"), measure_current=Query("I{channel}O?", r"{number}A"),
    set_over_voltage=("OVP{channel} {value}",),
    over_voltage=Query("OVP{channel}?", r"(VP{channel} )?{number}"),
    set_over_current=("OCP{channel} {value}",),
    over_current=Query("OCP{channel}?", r"(CP{channel} )?{number}"),
    trips=(Trip("over-current", Flag(_LIMITS, (1 << 3,), event=True), ("TRIPRST",)),
           Trip("over-voltage", Flag(_LIMITS, (1 << 2,), event=True), ("TRIPRST",))),
    errors=(ErrorQuery("EER?", r"\d+"), ErrorQuery("QER?", r"\d+"), ErrorQuery("*ESR?", r"\d+", mask=0x34)),
    greeting=("*CLS",),
    tolerance_v=0.011, tolerance_a=0.011,  # the CPX rounds to 10 mV and 10 mA
    rate_bit_s=9600, flow="xon-xoff",
)

DIALECTS = (CPX_QL,)
