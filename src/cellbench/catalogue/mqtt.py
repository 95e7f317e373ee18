"""What the MQTT client's codes mean, and the lengths that its commands take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cellbench.base.errors import Owner

from .clients import Meaning
from .sources import driver, guess, r6_guide, ubxlib

MQTT_CLASS = 13
"""Class of the MQTT client in +UMQTTER."""

_CONNACK = guess("OASIS MQTT 3.1.1, 3.2.2.3 numbers them so; that +UMQTTER gives them is in no document")
_LOGS = driver("public logs of siblings: 8 at a log in, 33 at one without an answer")
_UBXLIB = ubxlib("u_cell_mqtt.c")

MQTT_CODES: Mapping[int, Meaning] = MappingProxyType({
    0: Meaning("no error", r6_guide("6.8")),
    1: Meaning("the broker refuses the version of the protocol", _CONNACK, Owner.SERVICE),
    2: Meaning("the broker refuses the client identifier", _CONNACK),
    3: Meaning("the broker is unavailable", _CONNACK, Owner.SERVICE),
    4: Meaning("the broker refuses user name or password", _CONNACK),
    5: Meaning("the broker does not authorise the client", _CONNACK),
    8: Meaning("no connection to the broker, or it broke", _LOGS, Owner.SERVICE),
    33: Meaning("no answer from the broker in time", _LOGS, Owner.SERVICE),
    34: Meaning("no radio service", _UBXLIB, Owner.NETWORK),
    50: Meaning("no packet data connection", r6_guide("6.8: PSD or CSD connection not established"),
                Owner.NETWORK),
})
"""Codes of +UMQTTER in class 13."""

MQTT_ENDS: Mapping[int, Meaning] = MappingProxyType({
    100: Meaning("the session ended for inactivity", _UBXLIB),
    101: Meaning("the network connection is lost", r6_guide("6.7"), Owner.SERVICE),
    102: Meaning("the session ended by a violation of the protocol", _UBXLIB, Owner.SERVICE),
})
"""Second number of +UUMQTTC: 0 when the session ends by itself."""

MQTT_RESULT_S = 120.0
"""Longest wait for the URC of an operation of +UMQTTC (ubxlib, u_cell_mqtt.c)."""

MQTT_LONGEST_MESSAGE = 1024
"""Characters of a text message and bytes of a binary one (ubxlib, u_cell_mqtt.c)."""

MQTT_LONGEST_HEX = 512
"""Bytes of a message in hexadecimal mode: 1024 digits (ubxlib, u_cell_mqtt.c)."""


def mqtt_meaning(kind: int, code: int) -> Meaning:
    """What class and code of +UMQTTER say."""
    if kind == 0 or (kind == MQTT_CLASS and code in MQTT_CODES):
        return MQTT_CODES[code if kind else 0]
    # what else there is stands in no document: the broker may be behind any of it
    return Meaning(f"MQTT client: class {kind}, code {code} are in no document", _UBXLIB, Owner.SERVICE)
