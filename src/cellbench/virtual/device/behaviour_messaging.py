"""How a doubtful fact is declared, and those of the MQTT and CoAP clients (see ``behaviour``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cellbench.catalogue.model import Evidence, Series


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """One setting as the documentation shows it."""

    name: str
    doc: str
    evidence: Evidence
    source: str
    defaults: Mapping[Series, object]


def fact(doc: str, evidence: Evidence, source: str, *, r8: object, r6: object) -> Any:
    """Declare a setting with its default on each series."""
    defaults = {Series.LENA_R8: r8, Series.LARA_R6: r6}
    return field(metadata={"doc": doc, "evidence": evidence, "source": source, "defaults": defaults})


G, M, D, S, X = Evidence.GUIDE, Evidence.MANUAL, Evidence.DRIVER, Evidence.STANDARD, Evidence.GUESS


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagingFacts:
    """Doubtful facts of the clients that carry messages."""

    # MQTT client
    mqtt_clean_session: bool = fact(
        "The MQTT client asks for a clean session while operation 12 of +UMQTT is not set.",
        X, "not in the guides' factory list", r8=True, r6=True)
    mqtt_answer_s: float = fact(
        "Wait for the broker's answer to a command of +UMQTTC.", D, "public driver: 120 s to the URC",
        r8=120.0, r6=120.0)
    mqtt_code_connection: int = fact(
        "Code of +UMQTTER when the broker is not found, does not take the connection, or it breaks.",
        X, "8 was seen at a log in of a sibling", r8=8, r6=8)
    mqtt_code_secure: int = fact("Code of +UMQTTER when TLS fails.", X, "", r8=8, r6=8)
    mqtt_code_protocol: int = fact(
        "Code of +UMQTTER when the broker breaks the protocol or refuses a subscription.", X, "", r8=8, r6=8)
    mqtt_binary_urc: int = fact(
        "First number of the URC of operation 9 of +UMQTTC.",
        G, "LARA-R6 guide 6.5: 2; logs of siblings: 9", r8=2, r6=2)
    mqtt_unread: int = fact(
        "Messages kept unread; a further one drops the oldest.", X, "neither is known", r8=20, r6=20)
    mqtt_read_empty_refused: bool = fact(
        "Reading with no message waiting is refused, else OK alone.", D, "public driver", r8=True, r6=False)
    mqtt_linger_s: float = fact(
        "Linger of the MQTT client's socket.", M, "SARA-R5 internet guide: 10 s", r8=10.0, r6=10.0)
    mqtt_linger_taken: bool = fact(
        "Operation 10 of +UMQTT takes the linger time.",
        M, "SARA-R5 internet guide; a LENA-R8 user sends one", r8=True, r6=True)
    mqtt_context_choice: bool = fact(
        "Operation 20 of +UMQTT has an effect, else it is taken and ignored.",
        G, "LARA-R6 guide 6.1.4; LENA-R8 guide 7.2.2: no choice, a user reports OK", r8=False, r6=True)
    mqtt_ping_answer_share: float = fact(
        "Wait for PINGRESP as a share of the keep alive time.",
        X, "what 80 % before it leaves", r8=0.2, r6=0.2)
    mqtt_input_timeout_s: float = fact(
        "Silence after which the prompt of operation 9 gives up, true seconds.",
        X, "as +USECMNG: 20 s", r8=20.0, r6=20.0)
    mqtt_input_error: int = fact("+CME ERROR number of that silence.", X, "", r8=3, r6=3)

    # CoAP client
    coap_options: int = fact(
        "OPT_MASK of +UCOAP at the boot; bit n is option n of operation 2.",
        X, "LARA-R6 guide 8.2.1 switches all on", r8=0, r6=0)
    coap_list_with_rai: bool = fact(
        "Operation 7 of +UCOAP prints RAI FLAG.",
        G, "LARA-R6 guide 8.2.2: without; SARA-R5 internet guide: with", r8=False, r6=False)
    coap_acknowledge_s: float = fact(
        "Wait for the acknowledgement of a CON message before it is sent again, doubled each time.",
        S, "RFC 7252 4.8", r8=2.0, r6=2.0)
    coap_retransmissions: int = fact("How often a CON message is sent again.", S, "RFC 7252 4.8", r8=4, r6=4)
    coap_answer_s: float = fact(
        "Wait for the answer to a NON message or to an acknowledged one, and for the handshake of +UCOAPC.",
        S, "RFC 7252 4.8.2: 93 s", r8=93.0, r6=93.0)
    coap_fetches_blocks: bool = fact(
        "The module asks for the further blocks of an answer by itself, each a +UCOAPCD.",
        X, "LARA-R6 guide 8.1: the final +UCOAPCR completes the reply", r8=True, r6=True)
    coap_code_context: int = fact("Code of +UCOAPER without a context.", X, "", r8=3, r6=3)
    coap_code_connection: int = fact(
        "Code of +UCOAPER when the server is not found, does not take the connection, or it breaks.",
        X, "", r8=8, r6=8)
    coap_code_secure: int = fact("Code of +UCOAPER when DTLS or TLS fails.", X, "", r8=8, r6=8)
    coap_code_timeout: int = fact("Code of +UCOAPER when no answer comes.", X, "", r8=10, r6=10)
    coap_code_rejected: int = fact(
        "Code of +UCOAPER when the server resets the message or speaks no CoAP.", X, "", r8=8, r6=8)

    # LwM2M client
    lwm2m_on_at_delivery: bool = fact(
        "The LwM2M client is on at delivery.",
        M, "LARA-R6 application note: by operator profile and product version; off lets the context alone",
        r8=False, r6=False)
    lwm2m_server: str = fact(
        "URI of the LwM2M server that the module is provisioned with.",
        G, "LARA-R6 guide 4.3.1", r8="", r6="coaps://lwm2m-fota.services.u-blox.com:5684")
    lwm2m_short_id: int = fact(
        "Short number of that server.", M, "SARA-R5 firmware update note: 721 is the maker's", r8=721, r6=721)
    lwm2m_lifetime_s: int = fact(
        "Lifetime of an LwM2M registration, true seconds.",
        M, "SARA-R5 firmware update note: 86400 from the factory", r8=86400, r6=86400)
    lwm2m_version: str = fact("Version that the LwM2M client registers with.", X, "", r8="1.0", r6="1.0")
    lwm2m_identity: str = fact(
        "Identity of the pre-shared key for the LwM2M server.", X, "the virtual internet's server knows it",
        r8="cellbench-lwm2m", r6="cellbench-lwm2m")
    lwm2m_key: str = fact(
        "The pre-shared key for the LwM2M server.", X, "as above; no module's",
        r8="cellbench-lwm2m-key", r6="cellbench-lwm2m-key")
