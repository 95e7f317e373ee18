"""Certificates and security profiles (LENA-R8 guide 9.1, LARA-R6 guide 3)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY
from cellbench.catalogue.sources import both_guides, r6_app_note, r6_guide, ubxlib

from .building import command, either, number, spans, text

_DRIVER_TIME = ubxlib("u_cell_sec_tls.c, u_security_credential_test.c: 10 s after the last byte are enough")

COMMANDS = (
    command(
        "+USECMNG",
        "Certificates and private keys",
        "st",
        both_guides("LENA-R8 9.1.1, 9.1.3, Table 24; LARA-R6 3.1, 3.3"),
        number("op", (0, 4)),
        number("type", (0, 5), optional=True),
        text("name", optional=True, longest=200),
        either("size_or_file", optional=True, longest=248),
        text("password", optional=True, longest=128, secret=True),
        info="+USECMNG",
        prompt=">",
        alone=True,
        times=40.0,
        times_source=_DRIVER_TIME,
        payload_secret_when={"op": frozenset({0}), "type": frozenset({2})},
        notes="0 import from the serial line, 1 from a file, 2 remove, 3 list, 4 md5; type 0 CA, 1 client "
        "certificate, 2 client key, 3 server certificate, 4 certificate and 5 key for signature "
        "checks",
    ),
    command(
        "+USECPRF",
        "Security profile",
        "st",
        both_guides("LENA-R8 9.1.2, 9.1.3; LARA-R6 3.2, 3.4, Table 6"),
        number("profile", (0, 4)),
        number("op", optional=True, r8=spans((0, 10), 12), r6=spans((0, 14))),
        either("value1", optional=True, secret_when={"op": frozenset({7, 8})}),
        either("value2", optional=True, secret_when={"op": frozenset({13}), "value1": frozenset({3, 13})}),
        either("value3", optional=True, secret_when={"op": frozenset({13}), "value1": frozenset({2, 12})}),
        either("value4", optional=True),
        info="+USECPRF",
        prompt=">",
        alone=True,
        payload_secret_when={"op": frozenset({13}), "value1": frozenset({5, 15})},
        notes="the profile alone resets it; 0 check of the server, 1 version, 2 cipher suite, 3 root, 4 "
        "host name, 5 client certificate, 6 its key, 7 its password, 8 PSK, 9 PSK identity, 10 SNI, "
        "11 PSK of the root of trust, 12 pinning, 13 session resumption, 14 sealed certificate",
    ),
    command(
        "+USECROTUID",
        "Identity of the root of trust",
        "xt",
        r6_app_note("security: +USECROTUID"),
        series=R6_ONLY,
        info="+USECROTUID",
        notes="+CME ERROR: SEC RoT not personalized when the secure storage is damaged",
    ),
    command(
        "+USECOPCMD",
        "Operation of the security services",
        "s",
        r6_guide("7.11"),
        text("operation", "cfgipv4"),
        number("value", (0, 4)),
        series=R6_ONLY,
        notes='"cfgipv4",4 leads the security services through a proxy, for the APN tsudp; other values are '
        "a guess, other operations (rotrestore, rotresync) a sibling's",
    ),
)
