"""The embedded TCP/UDP stack, DNS and ping (LENA-R8 guide 9.2, LARA-R6 guide 2.4 and 5)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, Storage
from cellbench.catalogue.sources import both_guides, r6_guide, sibling, ubxlib

from .building import TEN, TEN_SOURCE, command, data, either, number, spans

_SOCKET = number("socket", (0, 6))
_CID = number("cid", optional=True, r8=spans((0, 8)), r6=spans((1, 11)))
_PORT = (1, 65535)
_LEVEL = number("level", 0, 6, 65535)
_SOCKET_MANUAL = sibling("SARA-R4 AT commands manual")
_WRITE_TIME = sibling("SARA-R4 AT commands manual: 120 s; data to be given within 10 s")

COMMANDS = (
    command("+USOCR", "Create a socket", "st", both_guides("LENA-R8 9.2.1, Table 25; LARA-R6 5.1, 5.6"),
            number("protocol", 6, 17), number("local_port", _PORT, optional=True),
            number("ip_type", (0, 1), optional=True), _CID, info="+USOCR", times=TEN, times_source=TEN_SOURCE,
            notes="6 TCP, 17 UDP; +USOCR: <socket>, with a local port LARA-R6 prints +USOCR: <socket>,<port>"),
    command("+USOCO", "Connect a socket", "st", both_guides("LENA-R8 9.2.1, Table 25; LARA-R6 5.1"), _SOCKET,
            either("address"), number("port", _PORT), number("async", (0, 1), optional=True), times=332.0,
            times_source=ubxlib("waits 332 s; hobby code 120 to 130 s"), abortable=True,
            urcs=("+UUSOCL", "+UUSOCO"),
            notes="a failure answers ERROR, then +UUSOCL, and the socket is closed"),
    command("+USOWR", "Write to a socket", "st", both_guides("LENA-R8 9.2.3, Table 27; LARA-R6 5.3"), _SOCKET,
            number("length", (0, 1024)), data("data", optional=True), info="+USOWR", times=120.0,
            times_source=_WRITE_TIME, prompt="@", alone=True,
            notes="without data the prompt @ asks for it, 50 ms after which it may come; hex mode: 512 bytes at most"),
    command("+USOST", "Send a datagram", "st", both_guides("LENA-R8 9.2; LARA-R6 5.6"), _SOCKET,
            either("address"), number("port", _PORT), number("length", (0, 1024)), data("data", optional=True),
            info="+USOST", times=120.0, times_source=_WRITE_TIME, prompt="@", alone=True),
    command("+USORD", "Read from a socket", "st", both_guides("LENA-R8 9.2.4, Table 28; LARA-R6 5.5"), _SOCKET,
            number("length", (0, 1024)), info="+USORD", times=TEN, times_source=TEN_SOURCE, urcs=("+UUSORD",),
            notes="length 0 asks what is unread"),
    command("+USORF", "Read a datagram", "st", both_guides("LENA-R8 9.2; LARA-R6 5.7"), _SOCKET,
            number("length", (0, 1024)), info="+USORF", times=TEN, times_source=TEN_SOURCE,
            urcs=("+UUSORD", "+UUSORF"), notes="one datagram a read at most; length 0 asks what is unread"),
    command("+USOLI", "Listen", "st", both_guides("LENA-R8 9.2.2, Table 26; LARA-R6 5.2"), _SOCKET,
            number("port", _PORT), times=TEN, times_source=TEN_SOURCE, urcs=("+UUSOLI",)),
    command("+USOCL", "Close a socket", "st", both_guides("LENA-R8 9.2.5, Table 29; LARA-R6 5.9"), _SOCKET,
            number("async", (0, 1), optional=True, r6=spans(0)), times=120.0, times_source=_SOCKET_MANUAL,
            urcs=("+UUSOCL",),
            notes="no +UUSOCL after the host's own close; the asynchronous form is LENA-R8's (ubxlib)"),
    command("+USODL", "Direct link on a socket", "st", _SOCKET_MANUAL, _SOCKET, times=TEN,
            times_source=TEN_SOURCE, notes="CONNECT; data until +++, then DISCONNECT and OK"),
    command("+USOSO", "Set a socket option", "st", r6_guide("5.4"), _SOCKET, _LEVEL,
            number("option", (1, 512)), number("value", (0, 2147483647)),
            number("value2", (0, 2147483647), optional=True), times=TEN, times_source=TEN_SOURCE,
            notes="65535,8 keep alive; 6,2 keep idle in ms; 0,1 TOS; 0,2 TTL; 6,1 no delay; 65535,4 reuse address; "
                  "65535,128 linger"),
    command("+USOGO", "Read a socket option", "st", _SOCKET_MANUAL, _SOCKET, _LEVEL, number("option", (1, 512)),
            info="+USOGO", times=TEN, times_source=TEN_SOURCE),
    command("+USOCTL", "State of a socket", "st", r6_guide("5.3.3, 5.8"), _SOCKET,
            number("parameter", (0, 4), 10, 11), info="+USOCTL",
            notes="0 type, 1 last error, 2 bytes sent, 3 received, 4 peer, 10 TCP state, 11 unacknowledged bytes"),
    command("+USOER", "Last socket error", "xt", r6_guide("5.8"), info="+USOER"),
    command("+USOSEC", "TLS on a socket", "st", both_guides("LARA-R6 5.11; ubxlib"), _SOCKET,
            number("on", (0, 1), optional=True), number("profile", (0, 4), optional=True), info="+USOSEC",
            times=TEN, times_source=TEN_SOURCE),
    command("+USOCFG", "System socket options", "s", r6_guide("5"), number("option"),
            number("value", optional=True), series=R6_ONLY, info="+USOCFG", stored=Storage.NVM,
            notes="TCP selective acknowledge; voice variants only; in force after a reboot; form unknown"),
    command("+UDNSRN", "Name resolution", "st", both_guides("LENA-R8 9.2.1, Table 25; LARA-R6 2.4.2"),
            number("type", (0, 1)), either("name_or_address", longest=255), info="+UDNSRN", times=332.0,
            times_source=ubxlib("waits 332 s; 70 to 120 s remembered"), abortable=True,
            notes="0 name to address, 1 address to name"),
    command("+UPING", "Ping", "st", r6_guide("2.4.1"), either("host", longest=255),
            number("retries", (1, 64), optional=True), number("size", (4, 1472), optional=True),
            number("timeout", (10, 60000), optional=True), number("ttl", (1, 255), optional=True),
            urcs=("+UUPING", "+UUPINGER"),
            notes="OK at once; defaults 4, 32 (guide), 5000 ms, 32; ranges by a short-range driver"),
)
