"""What +UFTPER's classes and codes mean, and how long the FTP client may take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cellbench.base.errors import Owner

from .clients import CLASSES, SOCKET_CODES, FileErrors, Meaning, meaning_of
from .sources import both_guides, r6_guide, sibling, standard

REPLY_CLASS = 0
FTP_CLASS = 1
FILE_CLASS = 4
SOCKET_CLASS = 6
USE_CLASS = 8

_REPLIES = standard("RFC 959 4.2.2 (reply codes), RFC 4217 (TLS)")
_PLAIN: Mapping[int, str] = {
    332: "the server wants an account for the login", 350: "the server waits for more",
    430: "user name or password is wrong", 500: "the server does not know the command",
    501: "the server does not take the parameters", 502: "the server does not do this",
    503: "the server wants another command first", 504: "the server does not take this parameter",
    530: "not logged in: user name or password is wrong, or the server lets nobody in",
    532: "an account is needed to store files",
    522: "the server refuses the data connection: its TLS must resume the control connection's session",
    534: "the server refuses TLS for policy reasons", 536: "the server does not take this protection",
    550: "no such file or directory, or no right to it", 551: "page type unknown",
    553: "the server does not take this file name",
}
_SERVERS: Mapping[int, str] = {
    421: "the server closes the session", 425: "the server cannot open the data connection",
    426: "the data connection broke", 431: "the server's TLS is not ready", 450: "the file is in use",
    451: "local error at the server", 452: "the server has no room left",
    552: "the server's share for this user is used up",
}

REPLIES: Mapping[int, Meaning] = MappingProxyType({
    0: CLASSES[0],
    **{code: Meaning(text, _REPLIES) for code, text in _PLAIN.items()},
    **{code: Meaning(text, _REPLIES, Owner.SERVICE) for code, text in _SERVERS.items()},
})
"""Codes of class 0 in +UFTPER: the server's reply."""

CODES: Mapping[tuple[int, int], Meaning] = MappingProxyType({
    (FTP_CLASS, 1): Meaning("no user name is set", r6_guide("9.3")),
    (USE_CLASS, 12): Meaning("no packet data connection",
                             sibling("SARA-R5 firmware update note UBX-20033314 R03"), Owner.NETWORK),
    (USE_CLASS, 63): Meaning("secure socket not set: certificates, version, suite or the server's refusal",
                             both_guides("LENA-R8 9.3.2.3, LARA-R6 9.2"), Owner.SERVICE),
})
"""Codes of the other classes of +UFTPER; no document at hand has more."""

TIMEOUT_S = 180.0
"""Longest wait for the result of an operation while +UFTP sets no time-out (the makers' scripts)."""
LINK_END_S = 10.0
"""Longest end of a direct link (SARA-R4 AT manual)."""


def ftp_meaning(kind: int, code: int) -> Meaning:
    """What class and code of +UFTPER say; unlike elsewhere class 0 is the server's reply."""
    if kind == REPLY_CLASS:
        other = Meaning(f"the server's reply {code}", _REPLIES, Owner.SERVICE if 400 <= code < 500 else
                        Owner.UNIT)
        return REPLIES.get(code, other)
    if (kind, code) in CODES:
        return CODES[kind, code]
    if kind == FTP_CLASS:
        # what else the class holds is in no document: a server that does not answer among it
        return Meaning(f"FTP client: code {code} is in no document", CLASSES[FTP_CLASS].source, Owner.SERVICE)
    if kind == FILE_CLASS and code in FileErrors.NO_ROOM:
        return Meaning("the module's file system is full", FileErrors.SOURCE)
    if kind == FILE_CLASS and code in FileErrors.MISSING:
        return Meaning("there is no such file in the module", FileErrors.SOURCE)
    if kind == SOCKET_CLASS and code in SOCKET_CODES:
        return SOCKET_CODES[code]
    return meaning_of(kind, code)
