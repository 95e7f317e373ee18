"""What the internet clients' error classes and codes mean, and the file system's +CME ERROR numbers.

A code tells what the module saw, not who is to blame; ``suspect`` names who else than the unit it may be, to
be settled by asking the far side directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.base.errors import Owner

from .model import Source
from .sources import both_guides, driver, guess, r8_error_table, sibling

NO_ERROR = 0
HTTP_CLASS = 3
HTTP_USE_CLASS = 10


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says; ``suspect`` is who else than the unit may be behind it."""

    text: str
    source: Source
    suspect: Owner = Owner.UNIT


_GUIDES = both_guides("error handling of the clients: LENA-R8 9.3, LARA-R6 8.4, 9.3, 10.3")
_UPDATE_NOTE = sibling("SARA-R5 firmware update note UBX-20033314 R03")
_REMEMBERED = guess("class numbers as remembered of older series")

CLASSES: Mapping[int, Meaning] = MappingProxyType({
    0: Meaning("no error", _GUIDES),
    1: Meaning("FTP client", _GUIDES),
    3: Meaning("HTTP client", _UPDATE_NOTE),
    4: Meaning("file system", _REMEMBERED),
    5: Meaning("DNS", _REMEMBERED, Owner.SERVICE),
    6: Meaning("socket", _REMEMBERED, Owner.SERVICE),
    7: Meaning("memory", _REMEMBERED),
    8: Meaning("wrong use of the FTP client", _GUIDES),
    10: Meaning("wrong use of the HTTP client", driver("public issue threads: 10,22 without a context")),
    11: Meaning("syntax in a higher protocol", _REMEMBERED),
    12: Meaning("unspecified", _REMEMBERED),
    13: Meaning("MQTT client", _GUIDES),
    14: Meaning("MQTT-SN client", _GUIDES),
    15: Meaning("CoAP client", _GUIDES),
})
"""Error classes of +UHTTPER, +UFTPER, +UMQTTER, +UMQTTSNER and +UCOAPER."""

_CODES = driver("a public SARA-R5 driver's table of +UHTTPER")
_LARA_FIELD = driver("a public LARA-R6 field script: 3,11")

_HTTP_PLAIN: Mapping[int, str] = {
    1: "profile number", 2: "input", 3: "server name too long", 4: "bad server name", 5: "bad IP address",
    6: "authentication method", 7: "no server set", 8: "user name too long", 9: "password too long",
    10: "internal", 12: "error in the request", 13: "internal", 14: "internal", 15: "size of the POST data",
    16: "name of the file to send is empty", 17: "length of the file to send",
    18: "content type number", 19: "internal", 20: "internal", 21: "internal",
    27: "preparing the request took too long", 30: "a request is in progress", 31: "port number",
    32: "security parameter", 33: "user name parameter", 34: "password parameter",
    35: "name of the answer file", 36: "length of the answer file's name", 37: "path",
    38: "length of the path",
    39: "length of the name of the file to send", 40: "own content type", 41: "answer file cannot be opened",
    42: "answer file cannot be closed", 43: "answer file cannot be written",
    45: "not allowed in this state",
}

HTTP_CODES: Mapping[int, Meaning] = MappingProxyType({
    0: Meaning("no error", _GUIDES),
    **{code: Meaning(text, _CODES) for code, text in _HTTP_PLAIN.items()},
    11: Meaning("no connection to the server", _LARA_FIELD, Owner.SERVICE),
    22: Meaning("no packet data connection", driver("public issue threads"), Owner.NETWORK),
    23: Meaning("server name not resolved", _UPDATE_NOTE, Owner.SERVICE),
    24: Meaning("authentication failed at the server", _CODES),
    25: Meaning("authentication failed at the proxy", _CODES),
    26: Meaning("the connection timed out", _CODES, Owner.SERVICE),
    28: Meaning("waiting for the answer took too long", _CODES, Owner.SERVICE),
    29: Meaning("sending took too long", _CODES, Owner.SERVICE),
    44: Meaning("connection lost", _CODES, Owner.SERVICE),
    73: Meaning("secure socket not connected: certificates, version, suite or the server's refusal",
                driver("a public SARA-R5 driver; bug threads: also when the CA is missing"), Owner.SERVICE),
})
"""Codes of +UHTTPER; 46 to 72 are internal to the module."""


_ERRNO = driver("errno-like numbers of Linux; 104 is printed by the guides, the set in use is remembered")

SOCKET_CODES: Mapping[int, Meaning] = MappingProxyType({
    0: Meaning("no error", _GUIDES),
    11: Meaning("try again", _ERRNO),
    104: Meaning("reset by the peer", both_guides("+USOER"), Owner.SERVICE),
    110: Meaning("timed out", _ERRNO, Owner.SERVICE),
    111: Meaning("connection refused", _ERRNO, Owner.SERVICE),
    113: Meaning("no route to the host", _ERRNO, Owner.SERVICE),
})
"""Codes of +USOER and +USOCTL=<socket>,1."""


class FileErrors:
    """+CME ERROR numbers of the file system (LENA-R8 AT commands manual, appendix A.1)."""

    SOURCE = r8_error_table("file system: 1600 to 1649")
    MISSING = frozenset({1612, 1624})
    EXISTS = frozenset({1625})
    NO_ROOM = frozenset({1620, 1632, 1636, 1637})
    BAD_NAME = frozenset({1638})


HTTP_CONTENT_TYPES: Mapping[str, int] = MappingProxyType({
    "application/x-www-form-urlencoded": 0, "text/plain": 1, "application/octet-stream": 2,
    "multipart/form-data": 3, "application/json": 4, "application/xml": 5,
})
"""Content types of +UHTTPC by number; 6 is followed by one's own (SARA-R4 AT manual; guides for 0 and 1)."""

HTTP_OWN_CONTENT_TYPE = 6
HTTP_LONGEST_DATA = 128
"""Characters that +UHTTPC's POST of data takes (SARA-R4 AT manual, ubxlib)."""

HTTP_TIMEOUT_S = 180.0
"""Factory value of the HTTP time-out: seconds from the last byte to the next (SARA-R4 AT manual)."""


def socket_meaning(code: int) -> Meaning:
    """What a socket error says."""
    return SOCKET_CODES.get(code) or Meaning("a code that is in no document", _ERRNO)


def meaning_of(kind: int, code: int) -> Meaning:
    """What an error class and code of an internet client say; by class alone where the code is unknown."""
    if kind in (HTTP_CLASS, HTTP_USE_CLASS) and code in HTTP_CODES:
        return HTTP_CODES[code]
    known = CLASSES.get(kind)
    if known is None:
        return Meaning(f"class {kind} is in no document", guess("no source at hand"))
    return Meaning(f"{known.text}: code {code} is in no document", known.source, known.suspect)
