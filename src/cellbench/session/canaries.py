"""Canaries: what is looked at, the moment a check fails, before the unit is blamed.

The supply's reading always; the registration state for "network"; the service itself, asked directly by
the host, for "service:<role>".
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address

from cellbench.base.errors import CellbenchError, NetworkError, Owner, RigError
from cellbench.host.clients.blame import Probe
from cellbench.host.clients.probes import client_hello, ftp_probe, http_probe, mqtt_probe, tls_probe
from cellbench.rig.dut import Dut
from cellbench.rig.schema_service import Service
from cellbench.rig.slot import PowerState, Slot
from cellbench.session.verdicts import Canary
from cellbench.wire.ip.icmp import echo_request
from cellbench.wire.ip.packets import IpPacket, IpProtocol

_TOLERANCE = 0.05
_PROBE_S = 3.0


def look(slot: Slot, services: Mapping[str, Service], depends_on: Sequence[str]) -> list[Canary]:
    """Everything that a failure on ``slot`` may be blamed on, in the order of blame."""
    found = [_supply(slot)]
    for name in depends_on:
        if name == "network":
            found.append(_network(slot))
        elif name.startswith("service:"):
            role = name.partition(":")[2]
            found.append(_service(role, services.get(role)))
    return found


def _supply(slot: Slot) -> Canary:
    if slot.lease is None or slot.model.power is None:
        return Canary(Owner.RIG, True, "this slot has no supply to look at")
    if slot.state is PowerState.OFF:
        return Canary(Owner.RIG, True, "the supply is off, as the procedure left it")
    try:
        reading = slot.reading()
    except RigError as error:
        return Canary(Owner.RIG, False, f"the supply does not answer: {error}")
    want, where = slot.model.power.voltage_v, f"{slot.model.power.supply}:{slot.model.power.channel}"
    seen = ", ".join(f"{value:.3g} {unit}" for value, unit in (
        (reading.voltage_v, "V"), (reading.current_a, "A")) if value is not None)
    seen = f"supply {seen}" if seen else "the supply's contact is closed; nothing measures it"
    if reading.tripped:
        return Canary(Owner.RIG, False, f"output {where}: the supply's {reading.tripped} protection has "
                      "tripped; look for a short in the slot or its module")
    if not reading.enabled:
        return Canary(Owner.RIG, False, f"output {where} is off although nothing switched it off; look at the"
                      " supply's front panel")
    if reading.voltage_v is not None and abs(reading.voltage_v - want) > want * _TOLERANCE:
        return Canary(Owner.RIG, False, f"{seen} where {want:g} V is set")
    return Canary(Owner.RIG, True, seen)


def _network(slot: Slot) -> Canary:
    try:
        stat = Dut(slot, slot.channel(slot.roles()[0])).registration()
    except NetworkError as error:
        return Canary(Owner.NETWORK, False, str(error))
    except (CellbenchError, IndexError) as error:
        # a module that does not answer says nothing about the network
        return Canary(Owner.NETWORK, True, f"registration unknown: {error}")
    if stat in (1, 5, 6, 7, 9, 10):
        return Canary(Owner.NETWORK, True, f"registered, <stat> is {stat}")
    return Canary(Owner.NETWORK, False, f"the module is not registered, <stat> is {stat}")


def _service(role: str, service: Service | None) -> Canary:
    if service is None:
        return Canary(Owner.RIG, False, f"the rig file names no service {role}")
    probe = service.probe
    host = probe.host if probe else service.host
    port = probe.port if probe else service.port
    if host is None or port is None:
        return Canary(Owner.SERVICE, True, f"{role}: the rig file gives no place to ask it directly")
    try:
        if role in _UDP_PROBES:
            _ask_udp(host, port, _UDP_PROBES[role])
        elif role in _DTLS_ROLES:
            _ask_udp(host, port, client_hello(datagram=True))
        elif (asks := _conversing(role)) is not None:
            seen = asks(host, port)()
            if seen:
                return Canary(Owner.SERVICE, False, f"{role}: {seen}")
        else:
            socket.create_connection((host, port), _PROBE_S).close()
    except OSError as error:
        return Canary(Owner.SERVICE, False, f"{role} at {host}:{port} does not answer the host: {error}")
    return Canary(Owner.SERVICE, True, f"{role} at {host}:{port} answers the host")


def _conversing(role: str) -> Callable[[str, int], Probe] | None:
    """How a role is asked in its own protocol: a server that only takes connections is not well."""
    return tls_probe if role in _TLS_ROLES else _CONVERSING.get(role.partition("-")[0])


def _ask_udp(host: str, port: int, question: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(_PROBE_S)
        asker.sendto(question, (host, port))
        asker.recvfrom(65535)


def _dns_question(name: str) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 0x4342, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


def _echo_request() -> bytes:
    """An echo request as the bench's own ICMP server takes it: a whole IPv4 packet in a datagram."""
    source, destination = IPv4Address("192.0.2.1"), IPv4Address("8.8.8.8")
    message = echo_request(0x4342, 1, b"canary").encode(source, destination)
    return IpPacket(source, destination, IpProtocol.ICMP, message).encode()


_SEARCHGW = b"\x03\x01\x00"  # MQTT-SN 1.2, 5.4.2: a gateway answers with GWINFO

_UDP_PROBES: Mapping[str, bytes] = {
    "dns": _dns_question("echo.u-blox.com"), "echo-udp": b"canary",
    "icmp": _echo_request(), "mqttsn": _SEARCHGW, "mqtt-anywhere": _SEARCHGW,
    "coap": b"\x40\x00\x43\x42",  # RFC 7252 4.3: an empty confirmable message is reset by who is there
}
_CONVERSING: Mapping[str, Callable[[str, int], Probe]] = {
    "http": http_probe, "https": tls_probe, "ftp": ftp_probe, "ftps": ftp_probe, "mqtt": mqtt_probe,
    "mqtts": tls_probe}
"""By the first word of a role."""
_TLS_ROLES = frozenset({"coap-tls"})
_DTLS_ROLES = frozenset({"mqttsn-dtls", "mqtt-flex", "coap-dtls", "lwm2m"})
