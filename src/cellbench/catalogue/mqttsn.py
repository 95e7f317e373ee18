"""What the MQTT-SN client's error codes and endings mean, and how much it takes at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cellbench.base.errors import Owner

from .clients import Meaning, meaning_of
from .sources import both_guides, guess, r6_guide, ubxlib

MQTTSN_CLASS = 14

_SAID_BY_GATEWAY = guess("return codes of MQTT-SN 1.2, 5.3.10, as they stand; no document has the codes of "
                         "refusals")

MQTTSN_CODES: Mapping[int, Meaning] = MappingProxyType({
    0: Meaning("no error", both_guides("error handling of the clients")),
    1: Meaning("the gateway is congested", _SAID_BY_GATEWAY, Owner.SERVICE),
    2: Meaning("the gateway does not know the topic id", _SAID_BY_GATEWAY),
    3: Meaning("the gateway does not support what was asked", _SAID_BY_GATEWAY),
    8: Meaning("no connection to the gateway, or DTLS failed", guess("as seen of the MQTT client at log in"),
               Owner.SERVICE),
    21: Meaning("time-out: the gateway did not answer", r6_guide("7.9"), Owner.SERVICE),
    22: Meaning("no radio service", ubxlib("u_mqtt_common.h"), Owner.NETWORK),
    50: Meaning("no packet data connection", guess("as +UMQTTER"), Owner.NETWORK),
})
"""Codes of +UMQTTSNER: 14."""

MQTTSN_ENDED: Mapping[int, Meaning] = MappingProxyType({
    100: Meaning("closed for inactivity", ubxlib("u_cell_mqtt.c")),
    101: Meaning("network connection lost", r6_guide("7.8"), Owner.SERVICE),
    102: Meaning("closed for a violation of the protocol", ubxlib("u_cell_mqtt.c")),
})
"""Why a session ended by itself: second number of +UUMQTTSNC: 0."""

MQTTSN_LONGEST_TEXT = 1024
MQTTSN_LONGEST_HEX = 512
"""Bytes of one message as text and as hexadecimal digits (public driver, as of the MQTT client)."""

MQTTSN_CONNECT_S = 300.0
"""Longest wait for the outcome of a connect (the maker's terminal scripts)."""

MQTTSN_RESULT_S = 120.0
"""Longest wait for any other outcome (public driver); the protocol's own end is 40 to 90 s (MQTT-SN 1.2,
7.2: 3 to 5 repetitions after 10 to 15 s each)."""


def mqttsn_meaning(kind: int, code: int) -> Meaning:
    """What class and code of +UMQTTSNER say."""
    if kind == MQTTSN_CLASS:
        # what else the class holds is in no document: a gateway that is not found among it
        return MQTTSN_CODES.get(code) or Meaning(f"MQTT-SN client: code {code} is in no document",
                                                 meaning_of(kind, code).source, Owner.SERVICE)
    return meaning_of(kind, code)
