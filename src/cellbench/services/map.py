"""The map of a host's servers: what `cellbench services up` prints, and what a rig or a rack reads."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.base.protocols import Endpoint


@dataclass(frozen=True, slots=True)
class ControlPlace:
    """Where the control port is, and the file with its token on the host that made it (None: none)."""

    host: str
    port: int
    token_file: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceMap:
    """Servers by role; ``ca`` is the PEM file of the authority that signed those with TLS. ``words``: what a
    rig file says of a server beside its place, key → value as it stands there."""

    host: str
    services: Mapping[str, tuple[Endpoint, ...]]
    ca: str | None = None
    control: ControlPlace | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """As a JSON object."""
        control = self.control
        return {
            "host": self.host,
            "services": {name: [{"transport": place.transport, "host": place.host, "port": place.port}
                                for place in places] for name, places in self.services.items()},
            "ca": self.ca,
            "control": None if control is None else {
                "host": control.host, "port": control.port, "token_file": control.token_file},
            "words": {name: dict(words) for name, words in self.words.items() if words},
        }

    def table(self) -> str:
        """For people: one line a place."""
        rows = [(name, place.transport, f"{place.host}:{place.port}")
                for name, places in self.services.items() for place in places]
        width = max((len(name) for name, _, _ in rows), default=4)
        lines = [f"  {name:<{width}}  {transport}  {where}" for name, transport, where in rows]
        if self.ca:
            lines.append(f"  {'CA':<{width}}  {self.ca}")
        if self.control:
            token = f", token in {self.control.token_file}" if self.control.token_file else ""
            lines.append(f"  {'control':<{width}}  {self.control.host}:{self.control.port}{token}")
        return "\n".join(lines)

    def snippet(self) -> str:
        """The parts of a rig file that name these servers."""
        address = _is_address(self.host)
        lines = ["services:"]
        for name, places in self.services.items():
            found = {place.transport: place for place in places}
            place = found.get("tcp") or found.get("udp")
            if place is None:
                continue
            where = f"host: {self.host}" if address else f"name: {self.host}"
            more = "".join(f", {key}: {value}" for key, value in self.words.get(name, {}).items())
            probe = "" if address else f", probe: {{host: {self.host}, port: {place.port}}}"
            lines.append(f"  {name}: {{{where}, port: {place.port}{more}{probe}}}")
        if self.control is not None:
            token = f", token: {{file: {self.control.token_file}}}" if self.control.token_file else ""
            lines.append(f"far_side: {{kind: services, host: {self.control.host}, port: {self.control.port}"
                         f"{token}}}")
        return "\n".join(lines) + "\n"


def read_map(path: Path) -> ServiceMap:
    """The map in a file; OperatorError when it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        control = data["control"]
        return ServiceMap(
            str(data["host"]),
            {str(name): tuple(Endpoint(str(one["transport"]), str(one["host"]), int(one["port"]))
                              for one in places) for name, places in data["services"].items()},
            data["ca"],
            None if control is None else ControlPlace(str(control["host"]), int(control["port"]),
                                                      control["token_file"]),
            data.get("words", {}))
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}",
                            remedy="give the file that `cellbench services up --map FILE` wrote") from None
    except (ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{path} is no map of servers: {error!r}",
                            remedy="give the file that `cellbench services up --map FILE` wrote") from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
