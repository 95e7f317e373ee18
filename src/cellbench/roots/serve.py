"""`cellbench services up`: the plan of a host's servers, from the words of the command line."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from cellbench.base.errors import UsageError
from cellbench.services.guard import Limits
from cellbench.services.hosting import CONTROL_PORT, LOOPBACK, HostPlan, read_ports, up

ANYWHERE = "0.0.0.0"
PRIVATE = Limits(connections=2048, connections_per_client=512, new_connections_s=500.0,
                 bytes_s=1e9, bytes_per_client_s=1e9, datagrams_s=1e5, datagrams_per_client_s=2e4,
                 answer_factor=1e3)
"""In a network of one's own: only a program gone wild meets them."""


def serve(
    *,
    bind: str | None,
    name: str | None,
    public: bool,
    directory: Path,
    ports: Path | None,
    ca: Path | None,
    ca_key: Path | None,
    control: str | None,
    token_file: Path | None,
    servers: tuple[str, ...],
    world: bool,
    map_file: Path | None,
    snippet: Path | None,
) -> int:
    """Serve until told to stop. UsageError for words that do not fit each other."""
    address = bind or (ANYWHERE if public else LOOPBACK)
    try:
        listening = ipaddress.IPv4Address(address)
    except ValueError:
        raise UsageError(f"--bind {address}: an IPv4 address of this host is expected") from None
    if listening.is_unspecified and name is None:
        raise UsageError(f"--bind {address} does not say what modules call this host", remedy="give --name")
    if public and world:
        raise UsageError("--world is for a virtual rack, not for a public address",
                         remedy="leave one of --public and --world away")
    plan = HostPlan(
        bind=address, directory=directory, name=name, limits=Limits() if public else PRIVATE,
        ports=read_ports(ports) if ports is not None else {},
        control=_control(control) if control is not None else None, token_file=token_file, ca=ca,
        ca_key=ca_key, only=servers, definitions=_world() if world else {})
    return up(plan, map_file=map_file, snippet=snippet)


def _control(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not port.isdigit() or not 0 <= int(port) < 65536:
        raise UsageError(f"--control {text}: say PORT or ADDRESS:PORT, for example {LOOPBACK}:{CONTROL_PORT}")
    return (host if colon else LOOPBACK), int(port)


def _world() -> dict[str, object]:
    from cellbench.virtual.world.world import load_world

    return dict(load_world().definitions())
