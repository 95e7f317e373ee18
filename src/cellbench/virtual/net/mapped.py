"""Servers that run elsewhere, in place of a park of the rack's own: what a map of them says."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from cellbench.base.errors import OperatorError
from cellbench.base.protocols import Endpoint


class MappedPark:
    """The servers of ``cellbench services up --world --map FILE``; started and steered where they run.

    ``far_side`` is what a rig file says to reach their control port, None when they have none.
    """

    def __init__(self, path: Path) -> None:
        """Reads the map; OperatorError when it is none."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            self._places = {str(name): tuple(_place(one) for one in places)
                            for name, places in data["services"].items()}
            self.far_side = _far_side(data.get("control"))
        except OSError as error:
            raise OperatorError(f"--services {path}: {error.strerror or error}",
                                remedy="give the map that `cellbench services up --map` wrote") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OperatorError(f"--services {path} is no map of servers: {error!r}",
                                remedy="give the map that `cellbench services up --map` wrote") from None

    async def start(self, definitions: Mapping[str, object]) -> None:
        """They run already."""

    async def stop(self) -> None:
        """They are not this rack's to end."""

    def endpoints(self) -> Mapping[str, tuple[Endpoint, ...]]:
        """Where each server listens, by name."""
        return self._places

    async def set_state(self, name: str, state: str) -> None:
        """Raises KeyError for an unknown name, ValueError for all others."""
        if name not in self._places:
            raise KeyError(name)
        raise ValueError(f"server {name} runs elsewhere: it is steered by its own control port")

    def report(self, name: str) -> Mapping[str, str]:
        """Raises KeyError for an unknown name, ValueError for all others."""
        if name not in self._places:
            raise KeyError(name)
        raise ValueError(f"server {name} runs elsewhere: its own control port tells what it saw")


def _place(entry: Mapping[str, object]) -> Endpoint:
    address = socket.gethostbyname(str(entry["host"]))
    return Endpoint(str(entry["transport"]), address, int(str(entry["port"])))


def _far_side(control: Mapping[str, object] | None) -> dict[str, object] | None:
    if control is None:
        return None
    found: dict[str, object] = {"kind": "services", "host": control["host"], "port": control["port"]}
    if control.get("token_file"):
        found["token"] = {"file": control["token_file"]}
    return found
