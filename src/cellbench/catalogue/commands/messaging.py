"""MQTT, MQTT-SN and CoAP clients (LENA-R8 guide 9.3.3, 9.3.4; LARA-R6 guide 6, 7, 8)."""

from __future__ import annotations

from cellbench.catalogue.model import R6_ONLY, Storage
from cellbench.catalogue.sources import both_guides, r6_guide, sibling, ubxlib

from .building import command, data, either, number, spans

_LOG_IN_S = 15.0
_LOG_IN = ubxlib("u_cell_mqtt.c: 15 s to the OK of a log in, 120 s to its URC")
_PING_DELAY = 40.0
_SHORT = sibling("LEXI-R10 AT commands manual: immediate")

COMMANDS = (
    command(
        "+UMQTT",
        "MQTT settings",
        "srt",
        both_guides("LENA-R8 9.3.3.1, Table 37; LARA-R6 6.1"),
        number("op", r8=spans(0, (2, 4), (6, 12), 20), r6=spans(0, (2, 4), (6, 12), 20)),
        either("value1", optional=True, longest=1024),
        either("value2", optional=True, longest=512, secret_when={"op": frozenset({4})}),
        info="+UMQTT",
        notes="0 client id, 2 and 3 the broker's name or address and its port (the guides name 3 for the "
        "name, public drivers 2; the one set last counts), 4 user and password, 6 will QoS, 7 will retain, "
        "8 will topic, 9 will message, 10 keep alive, 11 TLS, 12 clean session (a public driver's, not in "
        "the guides' lists), 20 context; the op alone reads it; not during a session (remembered)",
    ),
    command(
        "+UMQTTNV",
        "Stored MQTT settings",
        "st",
        r6_guide("6.1.3; LENA-R8 by ubxlib, u_cell_mqtt.c"),
        number("op", (0, 2)),
        stored=Storage.NVM,
        notes="0 factory values, 1 from NVM, 2 to NVM",
    ),
    command(
        "+UMQTTC",
        "MQTT command",
        "st",
        both_guides("LENA-R8 9.3.3, Tables 38 to 40; LARA-R6 6"),
        number("command", (0, 6), 8, 9),
        either("first", optional=True, longest=256),
        either("second", optional=True, longest=256),
        either("third", optional=True, longest=256),
        either("fourth", optional=True, longest=256),
        data("message", optional=True, longest=1024),
        info="+UMQTTC",
        prompt=">",
        alone=True,
        times={None: _PING_DELAY},
        times_source=_LOG_IN,
        urcs=("+UUMQTTC",),
        notes="0 log out, 1 log in, 2 publish, 3 publish a file (public driver), 4 subscribe, 5 "
        "unsubscribe, 6 read, 8 ping, 9 publish binary; the URC of 0 also tells 100 inactivity, 101 network "
        "lost, 102 protocol violated (101: guides; others: public driver)",
    ),
    command(
        "+UMQTTER",
        "Error of the last MQTT command",
        "xt",
        r6_guide("6.8; LENA-R8 by ubxlib, u_cell_mqtt.c"),
        info="+UMQTTER",
        times_source=_SHORT,
    ),
    command(
        "+UMQTTSN",
        "MQTT-SN settings",
        "srt",
        both_guides("LENA-R8 9.3.4.1, Table 42; LARA-R6 7.1"),
        number("op", r8=spans((0, 2), (4, 8), 10, 20), r6=spans((0, 2), (4, 10), 20)),
        either("value1", optional=True, longest=1024),
        either("value2", optional=True),
        info="+UMQTTSN",
        notes="0 client id, 1 gateway name, 2 gateway address, 4 will QoS, 5 will retain, 6 will topic, 7 "
        "will message, 8 duration, 9 DTLS, 10 clean session, 20 context",
    ),
    command(
        "+UMQTTSNNV",
        "Stored MQTT-SN settings",
        "st",
        r6_guide("7.1"),
        number("op", (0, 2)),
        stored=Storage.NVM,
        notes="0 factory values, 1 from NVM, 2 to NVM",
    ),
    command(
        "+UMQTTSNC",
        "MQTT-SN command",
        "st",
        both_guides("LENA-R8 9.3.4, Tables 43, 44; LARA-R6 7"),
        number("command", (0, 2), (4, 10)),
        either("first", optional=True, longest=1024),
        either("second", optional=True, longest=1024),
        either("third", optional=True, longest=1024),
        either("fourth", optional=True, longest=1024),
        either("fifth", optional=True, longest=1024),
        data("message", optional=True, longest=1024),
        info="+UMQTTSNC",
        times=_LOG_IN_S,
        times_source=_SHORT,
        urcs=("+UUMQTTSNC",),
        notes="0 disconnect, 1 connect, 2 register, 4 publish, 5 subscribe, 6 unsubscribe, 7 will topic, 8 "
        "will message, 9 read, 10 ping",
    ),
    command(
        "+UMQTTSNER",
        "Error of the last MQTT-SN command",
        "xt",
        both_guides("LENA-R8 9.3.4; LARA-R6 7.12"),
        info="+UMQTTSNER",
        times_source=_SHORT,
    ),
    command(
        "+UCOAP",
        "CoAP settings",
        "srt",
        r6_guide("8.1, 8.2"),
        number("op", (0, 8), 20),
        either("value1", optional=True, longest=785),
        either("value2", optional=True),
        series=R6_ONLY,
        info="+UCOAP",
        stored=Storage.VOLATILE,
        notes="1 URI, 2 header options, 4 current profile valid, 5 load, 6 store, 7 list of profiles, 8 "
        "security profile, 20 context; 0 and 3 belong to siblings",
    ),
    command(
        "+UCOAPC",
        "CoAP request",
        "st",
        r6_guide("8.3"),
        number("command", (1, 4)),
        either("payload", optional=True, longest=1024),
        number("content", optional=True),
        number("block", optional=True),
        number("more", (0, 1), optional=True),
        series=R6_ONLY,
        times=93.0,
        times_source=r6_guide("8.3: over DTLS and TLS OK comes after the handshake"),
        urcs=("+UCOAPCR", "+UCOAPCD"),
        notes="1 GET, 2 DELETE, 3 PUT, 4 POST; the payload in hexadecimal, content 0 is text/plain",
    ),
    command(
        "+UCOAPER",
        "Error of the last CoAP request",
        "xt",
        r6_guide("8.4"),
        series=R6_ONLY,
        info="+UCOAPER",
        times_source=_SHORT,
    ),
)
