"""The generated rig file of a virtual rack: the shape that docs/rig-file.md describes, written as text.

Nothing in it is special to a simulation: a SCPI supply, a relay board, an RFC 2217 port, a USB location.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from .bench.attenuator import MODEL
from .device.config import Timing
from .device.pace import FAST_FACTOR
from .net.mapped import MappedPark
from .packaging import write_catalogue
from .wiring import INPUT_LINES, RELAY_LINES
from .world.firmware import OFFERED as FIRMWARE_OFFERED
from .world.firmware import SERVERS as FIRMWARE_SERVERS
from .world.world import HERE as WORLD

if TYPE_CHECKING:
    from .rack import Rack, VirtualSlot
    from .world.world import World

ACTIVE = {"pwr_on": "low", "reset_n": "low", "usb_boot": "high", "vusb_det": "high",
          "v_int": "high", "ri": "high", "cts": "high", "dcd": "high"}
"""Level at the module's pin (driven lines), or at the board's input (read lines), while asserted."""
FIRMWARE = "firmware.yaml"
RELAY_USER = "admin"
RELAY_PASSWORD = "admin"
FLASHER = "flasher1"


def write_rig_file(rack: Rack) -> Path:
    """Write DIR/rig.yaml and the relay boards' password file; returns the rig file's path."""
    path = rack.directory / "rig.yaml"
    write_catalogue(rack.directory / FIRMWARE, {(slot.profile.series, slot.profile.variant)
                                                for slot in rack.slots.values()})
    secret = rack.directory / "relay-password"
    secret.write_text(RELAY_PASSWORD + "\n", encoding="ascii")
    secret.chmod(0o600)
    scratch = path.with_suffix(".new")
    text = yaml.safe_dump(rig_model(rack, secret), sort_keys=False, allow_unicode=True, width=110)
    note = "# Written by the virtual rack each time it comes up.\n"
    scratch.write_text(note + text, encoding="utf-8")
    os.replace(scratch, path)
    return path


_UPDATE_SILENCE_S = 1800.0  # module facts: nobody is called dead before 30 min


def rig_model(rack: Rack, secret: Path) -> dict[str, object]:
    """The rig file as plain values."""
    fast = rack.plan.timing is Timing.FAST
    on_times = [slot.profile.power.min_on_time_s.value for slot in rack.slots.values()]
    model: dict[str, object] = {
        "rig": "virtual",
        "evidence": "simulated",
        "timing": rack.plan.timing.value,
        "usb": {"sysfs": str(rack.sysfs), "dev": str(rack.dev)},
        "instruments": _instruments(rack, secret),
        "slots": {name: _slot(rack, slot, index)
                  for index, (name, slot) in enumerate(rack.slots.items())},
        "firmware": str(rack.directory / FIRMWARE),
        "services": _services(rack),
        "far_side": _far_side(rack),
        "attach_budget": {"capacity": 100_000, "refill_per_hour": 1_000_000.0},
    }
    if fast:
        model["minimum_on_time_s"] = round(max(on_times) * FAST_FACTOR, 3)
        model["update_silence_s"] = _UPDATE_SILENCE_S * FAST_FACTOR
        model["watchdog_scale"] = FAST_FACTOR
    return model


def _far_side(rack: Rack) -> dict[str, object]:
    """The rack itself, or the control port of the servers elsewhere that it uses."""
    if isinstance(rack.park, MappedPark):
        return rack.park.far_side or {"kind": "none"}
    return {"kind": "virtual", "control": str(rack.directory)}


def _instruments(rack: Rack, secret: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for number, (supply, port) in enumerate(zip(rack.supplies, rack.supply_ports, strict=True), 1):
        found[f"psu{number}"] = {"kind": f"supply.{supply.family.name}", "identity": supply.identity,
                                 "resource": f"TCPIP::127.0.0.1::{port}::SOCKET"}
    for number, port in enumerate(rack.board_ports, 1):
        found[f"relays{number}"] = {"kind": "line.numato-ethernet", "host": "127.0.0.1", "port": port,
                                    "user": RELAY_USER, "password": {"file": str(secret)}}
    if any(slot.profile.power.has_usb_boot for slot in rack.slots.values()):
        found[FLASHER] = _flasher()
    if rack.analyser is not None:
        analyser, port = rack.analyser
        found["analyser1"] = {"kind": "analyser.scpi", "identity": analyser.identity,
                              "resource": f"TCPIP::127.0.0.1::{port}::SOCKET"}
    if rack.attenuator is not None:
        _, port = rack.attenuator
        found["attenuator1"] = {"kind": "attenuator.scpi", "identity": f"MN={MODEL}",
                                "resource": f"TCPIP::127.0.0.1::{port}::SOCKET"}
    return found


def _flasher() -> dict[str, object]:
    """The stand-in for the maker's tool, as its own help and docs/firmware-packages.md describe it."""
    return {
        "kind": "flasher.command",
        "command": [sys.executable, "-m", "cellbench.virtual.flasher", "--port", "{port}", "{image}"],
        "progress": r"^progress (\d+)$",
        "passed": "^Passed$",
        "failed": [{"says": r"refused with code \d+", "owner": "unit"}],
        "exit_codes": {"unit": [4, 5], "rig": [3], "operator": [2, 6]},
        "timeout_s": 300.0,
    }


def _slot(rack: Rack, slot: VirtualSlot, index: int) -> dict[str, object]:
    power = slot.profile.power
    board = f"relays{slot.board}"
    lines: dict[str, object] = {}
    for pin, driven in enumerate((line.value for line in RELAY_LINES), slot.first_pin):
        if driven != "usb_boot" or power.has_usb_boot:
            lines[driven] = {"on": board, "pin": pin, "active": ACTIVE[driven]}
    for pin, sensed in enumerate((line.value for line in INPUT_LINES), slot.first_pin):
        lines[sensed] = {"on": board, "input": pin, "active": ACTIVE[sensed]}
    model: dict[str, object] = {
        "series": slot.profile.series.value,
        "variant": slot.profile.variant,
        "power": {"supply": f"psu{slot.supply}", "channel": slot.channel,
                  "voltage_v": float(power.vcc_typical_v.value),
                  "current_limit_a": float(slot.current_limit_a)},
        "lines": lines,
        "ports": _ports(slot),
        **({"flasher": {"on": FLASHER}} if power.has_usb_boot else {}),
        "sim": {"ref": f"sim-{index + 1}", "number": f"+{slot.module.subscriber.number}",
                "pin": {"file": str(_pin_file(rack, slot))}},
        "capabilities": ["expendable"],
    }
    network = rack.world.networks[slot.profile.series]
    if network.apns:
        model["network"] = {"apn": network.apns[0], **({"plmn": network.plmn} if network.plmn else {})}
    return model


def _pin_file(rack: Rack, slot: VirtualSlot) -> Path:
    """Where PIN1 of the slot's card stands, for its owner alone."""
    path = rack.directory / slot.name / "sim-pin"
    path.parent.mkdir(exist_ok=True)
    path.write_text(slot.module.sim.profile.pin + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


def _ports(slot: VirtualSlot) -> dict[str, object]:
    """The UARTs by their addresses, USB by its location."""
    ports: dict[str, object] = {"uart": {"url": slot.uart.url}}
    if slot.aux_uart is not None:
        ports["aux_uart"] = {"url": slot.aux_uart.url, "wired": ["rts", "cts"]}
    return {**ports, "usb": {"location": slot.usb.location}}


def _services(rack: Rack) -> dict[str, object]:
    """The servers that the park runs, by their names in the guides, with the host's own way to them."""
    endpoints = {} if rack.park is None else rack.park.endpoints()
    found: dict[str, object] = {}
    for role, server in rack.world.servers.items():
        if not server.places or not endpoints.get(role):
            continue
        place = server.places[0]
        addresses = rack.world.addresses_of(place.host)
        entry: dict[str, object] = {}
        if addresses:
            entry["host"] = addresses[0]
        name = place.host if place.host in rack.world.names else _name_of(rack, role, place.host)
        if name:
            entry["name"] = name
        if place.port:
            entry["port"] = place.port
        by_transport = {endpoint.transport: endpoint for endpoint in endpoints[role]}
        probe = by_transport.get("tcp") or by_transport.get("udp")
        if probe is not None and entry:
            entry["probe"] = {"host": probe.host, "port": probe.port}
        root = _root_of(rack.world, role)
        if root is not None and entry:
            entry["ca"] = str(root)
        if role in rack.world.clients and entry:
            certificate, key = rack.world.clients[role]
            entry |= {"client_certificate": str(certificate), "client_key": str(key)}
        if role in FIRMWARE_SERVERS and entry:
            entry |= _firmware_offer(rack, role)
        if entry:
            found[role] = entry
    resolver = found.get("dns-primary")
    if isinstance(resolver, dict):
        # the role "dns" is a name to resolve; the host asks the first resolver itself
        found["dns"] = {"name": next(iter(rack.world.names)), "probe": dict(resolver["probe"])}
    for address in sorted(rack.world.blackholes)[:1]:
        found["blackhole"] = {"host": address}
    return found


def _firmware_offer(rack: Rack, role: str) -> dict[str, object]:
    """Who may log in to a firmware server, and where the packages for each series lie."""
    paths = {f"{series.value.lower()}-{what}": f"/fw/{series.value.lower()}/{what}"
             for series in dict.fromkeys(slot.profile.series for slot in rack.slots.values())
             for what in FIRMWARE_OFFERED}
    users = rack.world.servers[role].definition.get("users")
    login: dict[str, object] = {}
    if isinstance(users, dict) and users:
        user, password = next(iter(users.items()))
        secret = rack.directory / f"{role}-password"
        secret.write_text(f"{password}\n", encoding="utf-8")
        secret.chmod(0o600)
        login = {"user": str(user), "password": {"file": str(secret)}}
    return {"paths": paths, **login}


def _root_of(world: World, role: str) -> Path | None:
    """The file of the root that signed a server's certificate; None where the world has none."""
    settings = world.tls.get(role)
    certificates = world.raw["certificates"]
    if settings is None or not isinstance(certificates, dict):
        return None
    issued = x509.load_pem_x509_certificate(str(settings["certificate"]).encode())
    for file, facts in certificates.items():
        if not facts.get("signs"):
            continue
        try:
            issued.verify_directly_issued_by(x509.load_pem_x509_certificate((WORLD / str(file)).read_bytes()))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return WORLD / str(file)
    return None


def _name_of(rack: Rack, role: str, address: str) -> str | None:
    """A name for an address: the one that begins with the role, else the first."""
    names = [name for name, addresses in rack.world.names.items() if address in addresses]
    return next((name for name in names if name.startswith(role + ".")), names[0] if names else None)
