"""Unsolicited result codes: what a module says without being asked."""

from __future__ import annotations

from .model import BOTH, R6_ONLY, R8_ONLY, Series, Source, Urc
from .sources import (
    both_guides,
    driver,
    guess,
    r6_app_note,
    r6_data_sheet,
    r6_guide,
    r8_guide,
    sibling,
    standard,
    ubxlib,
)


def urc(
    prefix: str,
    title: str,
    source: Source,
    *params: str,
    series: frozenset[Series] = BOTH,
    also_information: bool = False,
) -> Urc:
    """One unsolicited result code with the names of its parameters."""
    return Urc(prefix, title, source, params, series, also_information)


URCS: tuple[Urc, ...] = (
    # calls and messages
    urc("RING", "Incoming call", r8_guide("7.3.1, Table 18")),
    urc("+CRING", "Incoming call with its kind", standard("27.007 6.11"), "type"),
    urc(
        "+CLIP",
        "Number of the caller",
        r8_guide("7.3.1, Table 18"),
        "number",
        "type",
        "subaddr",
        "satype",
        "alpha",
        "validity",
        also_information=True,
    ),
    urc("+UCALLSTAT", "State of a call", driver("m-center"), "id", "state", also_information=True),
    urc("+CMTI", "Message stored", r8_guide("8.1.1, Table 19"), "mem", "index"),
    urc("+CMT", "Message passed on", standard("27.005 3.4.1"), "alpha_or_oa", "length"),
    urc("+CDSI", "Status report stored", standard("27.005 3.4.1"), "mem", "index"),
    urc("+CDS", "Status report passed on", standard("27.005 3.4.1"), "length"),
    # network
    urc(
        "+CREG",
        "Registration, circuit switched",
        r8_guide("8.1.1, Table 19"),
        "stat",
        "lac",
        "ci",
        "act",
        "cause_type",
        "reject_cause",
        also_information=True,
    ),
    urc(
        "+CGREG",
        "Registration, packet switched",
        standard("27.007 10.1.20"),
        "stat",
        "lac",
        "ci",
        "act",
        "cause_type",
        "reject_cause",
        also_information=True,
    ),
    urc(
        "+CEREG",
        "Registration, EPS",
        r8_guide("8.1.1, Table 19"),
        "stat",
        "tac",
        "ci",
        "act",
        "cause_type",
        "reject_cause",
        "active_time",
        "periodic_tau",
        also_information=True,
    ),
    urc("+CIEV", "Indicator changed", r8_guide("8.1.1, Table 19"), "descr", "value"),
    urc("+CTZV", "Time zone", standard("27.007 8.41"), "tz"),
    urc("+CTZE", "Time zone and time", r8_guide("8.1.1, Table 19"), "tz", "dst", "time"),
    urc("+CSCON", "Radio connection", r6_guide("2.3.1"), "mode", "state", "access", also_information=True),
    urc("+CEDRXP", "Extended DRX granted", standard("27.007 7.40"), "act", "asked", "granted", "ptw"),
    urc("+CIREGU", "IMS registration", r6_app_note("+CIREG"), "reg_info", series=R6_ONLY),
    # packet data
    urc("+CGEV", "Packet event", r8_guide("8.1.1, Table 19"), "event"),
    # sockets, DNS, ping
    urc("+UUSORD", "Data waits on a socket", both_guides("LENA-R8 9.2.4; LARA-R6 5.5"), "socket", "length"),
    urc("+UUSORF", "A datagram waits on a socket", sibling("SARA-R4 AT commands manual"), "socket", "length"),
    urc(
        "+UUSOLI",
        "Connection taken",
        both_guides("LENA-R8 9.2.2; LARA-R6 5.2"),
        "socket",
        "remote_ip",
        "remote_port",
        "listening_socket",
        "local_ip",
        "local_port",
    ),
    urc("+UUSOCL", "Socket closed", both_guides("LENA-R8 9.2.1; LARA-R6 5.1, 5.9"), "socket"),
    urc(
        "+UUSOCO",
        "Result of an asynchronous connect",
        sibling("SARA-R4 AT commands manual"),
        "socket",
        "error",
    ),
    urc(
        "+UUDNSRN",
        "Result of a name resolution",
        ubxlib("u_cell_sock.c: LENA-R8 says so at times"),
        "result_or_address",
        "address",
        also_information=True,
    ),
    urc("+UUPING", "Answer to a ping", r6_guide("2.4.1"), "number", "size", "host", "ip", "ttl", "rtt"),
    urc("+UUPINGER", "Error of a ping", r6_guide("2.4.1"), "error"),
    # the module itself
    urc("+UUSTATUS", "Greeting", r8_guide("3.2.2: +UUSTATUS: READY"), "text", series=R8_ONLY),
    urc("+CPOF", "Switched off", ubxlib("issue 241: +CPOF: MS OFF"), "text", series=R8_ONLY),
    urc("+UUSTS", "Temperature", r6_data_sheet("+USTS"), "mode", "event"),
    urc(
        "+UUBKUPDATA",
        "Result of a back-up",
        r6_app_note("+UBKUPDATA: +UUBKUPDATA: 2,1"),
        "op",
        "result",
        series=R6_ONLY,
    ),
    urc("+UUSIMSTAT", "State of the SIM", r6_app_note("+UCUSATA=4"), "state", series=R6_ONLY),
    urc("+UUBIP", "Bearer independent protocol", r6_app_note("+UBIP"), "command", "value", series=R6_ONLY),
    urc(
        "+UUSECPRF",
        "Data of a TLS session",
        r6_guide("3.4.4"),
        "profile",
        "op",
        "param",
        "value1",
        "value2",
        series=R6_ONLY,
    ),
    urc(
        "+UUHTTPCR",
        "Result of an HTTP request",
        both_guides("LENA-R8 9.3.1, LARA-R6 10"),
        "profile",
        "command",
        "result",
    ),
    urc(
        "+UUFTPCR", "Result of an FTP command", both_guides("LENA-R8 9.3.2, LARA-R6 9"), "op", "result", "md5"
    ),
    urc(
        "+UUFTPCD", "Data of an FTP command", both_guides("LENA-R8 9.3.2, LARA-R6 9"), "op", "length", "data"
    ),
    urc("+UUMQTTC", "MQTT event", both_guides("LENA-R8 9.3.3, LARA-R6 6"), "op", "result"),
    urc("+UUMQTTSNC", "MQTT-SN event", both_guides("LENA-R8 9.3.4, LARA-R6 7"), "op", "result"),
    urc("+UCOAPCR", "Result of a CoAP request", r6_guide("8.3.1"), "command", "result", series=R6_ONLY),
    urc(
        "+UCOAPCD",
        "Data of a CoAP request",
        r6_guide("8.3.1, 8.3.3"),
        "class",
        "zero",
        "data",
        "more",
        "block",
        "size",
        series=R6_ONLY,
    ),
    urc("+ULWM2MSTAT", "LwM2M event", sibling("SARA-R5 firmware update note UBX-20033314 R03; public logs"),
        "event", "server", "detail", series=R6_ONLY, also_information=True),
    urc("+UFWPREVAL", "Check of a firmware package", r8_guide("11.1.1, Table 48"), "progress"),
    urc("+UFWUPD", "Progress of a firmware update", r8_guide("11.1.1, Table 48"), "progress"),
    urc("+UFWINSTALL", "Progress of a firmware installation", r8_guide("11.2.2, Table 52"), "progress"),
    urc(
        "+UUFWINSTALL",
        "Progress of a firmware installation",
        ubxlib("u_cell_fota.c; SARA-R5 firmware update note"),
        "progress",
    ),
    urc(
        "+UFOTASTAT",
        "State of an update by the network",
        guess("a sibling's firmware update note"),
        "event",
        "value1",
        "value2",
        series=R6_ONLY,
        also_information=True,
    ),
)


def urcs_for(series: Series) -> tuple[Urc, ...]:
    """What one series can say unasked."""
    return tuple(one for one in URCS if series in one.series)
