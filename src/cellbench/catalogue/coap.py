"""What the CoAP client's codes mean, and its numbers (LARA-R6 guide 8)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cellbench.base.errors import Owner

from .clients import Meaning, meaning_of
from .sources import guess, r6_guide

COAP_CLASS = 15
COAP_CODES: Mapping[int, Meaning] = MappingProxyType({
    0: Meaning("no error", r6_guide("8.4")),
    17: Meaning("current profile invalid", r6_guide("8.4.1")),
})
"""Codes of +UCOAPER; the others stand in a manual that is not public."""

COAP_CONTENT_FORMATS: Mapping[str, int] = MappingProxyType({
    "text/plain": 0, "application/link-format": 1, "application/xml": 2, "application/octet-stream": 3,
    "application/exi": 4, "application/json": 5,
})
"""Content formats of +UCOAPC by number: 0 by the LARA-R6 guide 8.3.2, the others a guess (the order of RFC
7252 12.3)."""

COAP_LONGEST_PAYLOAD = 512
"""Bytes of one uplink payload (LARA-R6 guide 8)."""

COAP_PROFILES = 4
"""Profiles that can be stored (LARA-R6 guide 8)."""

COAP_ANSWER_S = 93.0
"""Longest wait for an answer or a block of it: MAX_TRANSMIT_WAIT (RFC 7252 4.8.2)."""

_OTHERS = guess("the codes of class 15 beyond 17 are in no document at hand")


def coap_meaning(kind: int, code: int) -> Meaning:
    """What class and code of +UCOAPER say; the service may be behind any code that no document explains."""
    if kind != COAP_CLASS:
        return meaning_of(kind, code)
    return COAP_CODES.get(code) or Meaning(f"CoAP client: code {code} is in no document", _OTHERS,
                                           Owner.SERVICE)
