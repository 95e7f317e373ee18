"""HTTP and FTP clients (LENA-R8 guide 9.3.1, 9.3.2; LARA-R6 guide 9, 10)."""

from __future__ import annotations

from cellbench.catalogue.sources import both_guides, r6_guide, sibling

from .building import command, either, number, spans

_R4_TIMES = sibling("SARA-R4 AT commands manual: immediate")
_NAME = 1024

COMMANDS = (
    command(
        "+UHTTP",
        "HTTP profile",
        "st",
        both_guides("LENA-R8 9.3.1, Table 30; LARA-R6 10.1"),
        number("profile", (0, 3)),
        number("op", optional=True, r8=spans((0, 7), 9), r6=spans((0, 7), 9, 20)),
        either("value1", optional=True, longest=_NAME, secret_when={"op": frozenset({3})}),
        either("value2", optional=True),
        info="+UHTTP",
        notes="the profile alone resets it; 0 server address, 1 name, 2 user, 3 password, 4 authentication,"
        " 5 port, 6 TLS, 7 time-out, 9 header line, 20 context",
    ),
    command(
        "+UHTTPC",
        "HTTP request",
        "st",
        both_guides("LENA-R8 9.3.1, Tables 30, 31, 50; LARA-R6 10.1, 10.2"),
        number("profile", (0, 3)),
        number("command", (0, 5), 100),
        either("path", longest=_NAME),
        either("answer_file", optional=True, longest=248),
        either("sent", optional=True, longest=_NAME),
        number("content_type", (0, 6), optional=True),
        either("own_content_type", optional=True, longest=64),
        times_source=_R4_TIMES,
        urcs=("+UUHTTPCR",),
        notes="0 HEAD, 1 GET, 2 DELETE, 3 PUT file, 4 POST file, 5 POST data, 100 firmware package",
    ),
    command(
        "+UHTTPER",
        "Error of the last HTTP request",
        "st",
        both_guides("LENA-R8 9.3.1.3; LARA-R6 10.3"),
        number("profile", (0, 3)),
        info="+UHTTPER",
        times_source=_R4_TIMES,
    ),
    command(
        "+UFTP",
        "FTP settings",
        "srt",
        both_guides("LENA-R8 9.3.2.1, Table 32; LARA-R6 9.1"),
        number("op", (0, 8), 12, 20),
        either("value1", optional=True, longest=256, secret_when={"op": frozenset({3, 4})}),
        either("value2", optional=True),
        either("value3", optional=True),
        info="+UFTP",
        notes="0 server address, 1 name, 2 user, 3 password, 4 account, 5 inactivity time-out, 6 passive, 7"
        " port, 8 TLS of the control channel, 12 TLS of the data channel, 20 context; the op alone: "
        "its default",
    ),
    command(
        "+UFTPC",
        "FTP command",
        "st",
        both_guides("LENA-R8 9.3.2, Tables 33 to 37, 49; LARA-R6 9"),
        number("op", (0, 8), 10, 11, 13, 14, 100),
        either("first", optional=True, longest=256),
        either("second", optional=True, longest=256),
        number("offset", optional=True),
        times=190.0,
        times_source=sibling("SARA-R4 AT commands manual: immediate; 6 and 7 until CONNECT"),
        urcs=("+UUFTPCR", "+UUFTPCD"),
        notes="0 log out, 1 log in, 2 delete, 3 rename, 4 get, 5 put, 6 get and 7 put by direct link, 8 "
        "change, 10 create, 11 remove directory, 13 list, 14 names, 100 firmware package",
    ),
    command(
        "+UFTPER",
        "Error of the last FTP command",
        "xt",
        r6_guide("9.3"),
        info="+UFTPER",
        times_source=_R4_TIMES,
    ),
)
