"""What a module is asked when a test on it failed: a bounded set of polls for each series.

All of them only read: none writes the module's memory, none uses the network, none changes a setting. The
order is that of their worth, for the time may be over before the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Series, Source
from .sources import r6_app_note, r8_guide, sibling, standard, ubxlib

BOTH = frozenset(Series)
_R6 = frozenset({Series.LARA_R6})


@dataclass(frozen=True, slots=True)
class Poll:
    """A command line that only reads, what its answer tells, and who recommends or explains it."""

    line: str
    tells: str
    source: Source
    series: frozenset[Series] = BOTH


POLLS: tuple[Poll, ...] = (
    Poll("AT+CFUN?", "whether the radio is on", standard("27.007 8.2")),
    Poll("AT+CPIN?", "whether the SIM is usable", standard("27.007 8.3")),
    Poll("AT+CEREG?", "registration for EPS services", r8_guide("8.1.1, Table 19")),
    Poll("AT+CREG?", "registration for non-EPS services", r8_guide("8.1.1, Table 19")),
    Poll("AT+CEER", "the network's last reason for a failure", r8_guide("8.1.2, Table 20")),
    Poll("AT+COPS?", "operator and RAT", r8_guide("8.1.2, Table 20")),
    Poll("AT+CSQ", "signal", ubxlib("u_cell_info.c")),
    Poll("AT+CESQ", "signal, by RAT", r6_app_note("+CESQ")),
    Poll("AT+CGATT?", "packet domain attached", standard("27.007 10.1.9")),
    Poll("AT+CGACT?", "contexts that are active", standard("27.007 10.1.10")),
    Poll("AT+CGDCONT?", "contexts with APN and addresses", r8_guide("8.1.2, Table 20")),
    Poll("AT+CGPADDR", "addresses", standard("27.007 10.1.14")),
    Poll("AT+CSCON?", "radio connection", standard("27.007 7.30")),
    Poll("AT+UCGED?", "the serving cell, where its report is on", ubxlib("u_cell_info.c"), _R6),
    Poll("AT+USOER", "the last error of a socket", sibling("SARA-R4 AT commands manual, +USOER")),
    Poll("ATI9", "the firmware", r8_guide("8.1.2, Table 20")),
    Poll("AT+CIND?", "indicators: signal, service, roaming, SIM", standard("27.007 8.9")),
    Poll("AT+UPSV?", "power saving", r8_guide("5.6")),
    Poll("AT+CPSMS?", "PSM as it is asked for", r8_guide("8.1.2, Table 20")),
    Poll("AT+URAT?", "RATs that are allowed", r6_app_note("+URAT")),
    Poll("AT+UMNOPROF?", "the operator's profile", r6_app_note("+UMNOPROF"), _R6),
    Poll("AT+CCLK?", "the module's clock", standard("27.007 8.15")),
)


def polls_for(series: Series) -> tuple[Poll, ...]:
    """The polls of a series, the most telling first."""
    return tuple(poll for poll in POLLS if series in poll.series)
