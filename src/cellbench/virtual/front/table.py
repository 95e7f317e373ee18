"""Which handler answers which form of which command: the HANDLERS of every subject, joined by name.

A new subject file is named in ``_SUBJECTS``; two subjects that answer the same form are an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Form
from cellbench.virtual.device import (
    bands,
    certificates_at,
    contexts_at,
    files_at,
    gpio,
    identity,
    misc,
    mux_at,
    power_at,
    radio_at,
    security_at,
    serial_at,
    sim_at,
    sockets,
    sockets_secure,
    update_at,
    usb_at,
)
from cellbench.virtual.device.clients import coap_at, dns, ftp_at, http_at, lwm2m_at, mqtt_at, mqttsn_at, ping
from cellbench.virtual.device.telephony import calls_at, messages_at
from cellbench.virtual.front.context import Handler, Handlers

_SUBJECTS: tuple[tuple[str, Handlers], ...] = (
    ("bands", bands.HANDLERS),
    ("calls", calls_at.HANDLERS),
    ("certificates", certificates_at.HANDLERS),
    ("CoAP", coap_at.HANDLERS),
    ("contexts", contexts_at.HANDLERS),
    ("dns", dns.HANDLERS),
    ("files", files_at.HANDLERS),
    ("ftp", ftp_at.HANDLERS),
    ("gpio", gpio.HANDLERS),
    ("http", http_at.HANDLERS),
    ("identity", identity.HANDLERS),
    ("LwM2M", lwm2m_at.HANDLERS),
    ("misc", misc.HANDLERS),
    ("MQTT", mqtt_at.HANDLERS),
    ("MQTT-SN", mqttsn_at.HANDLERS),
    ("messages", messages_at.HANDLERS),
    ("multiplexer", mux_at.HANDLERS),
    ("ping", ping.HANDLERS),
    ("power", power_at.HANDLERS),
    ("radio", radio_at.HANDLERS),
    ("security", security_at.HANDLERS),
    ("serial", serial_at.HANDLERS),
    ("sim", sim_at.HANDLERS),
    ("sockets", sockets.HANDLERS),
    ("secure sockets", sockets_secure.HANDLERS),
    ("update", update_at.HANDLERS),
    ("usb", usb_at.HANDLERS),
)


def join(subjects: Iterable[tuple[str, Handlers]]) -> Mapping[tuple[str, Form], Handler]:
    """All handlers in one table; ValueError when two subjects answer one form."""
    joined: dict[tuple[str, Form], Handler] = {}
    for subject, handlers in subjects:
        for key, handler in handlers.items():
            if key in joined:
                raise ValueError(f"{subject}: {key[0]} {key[1].value} is answered elsewhere too")
            joined[key] = handler
    return MappingProxyType(joined)


HANDLERS = join(_SUBJECTS)
_NAMES = frozenset(name for name, _ in HANDLERS)


def handler_for(name: str, form: Form) -> Handler | None:
    """The handler of one form, None when the virtual module does not have it."""
    return HANDLERS.get((name, form))


def has_command(name: str) -> bool:
    """True when the virtual module answers any form of a command."""
    return name in _NAMES
