"""Our servers on a host that the modules reach, steered through their control port.

What a server sees of a module is the address that the operator's network gave to the connection, so a
socket of the module is known by being the only one that came since the procedure began. Procedures that use
it run one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError, ServiceError
from cellbench.roots.farside.surroundings import lacks
from cellbench.services.control_client import Refused, request

log = logging.getLogger(__name__)

_SOCKET_VERBS: Mapping[str, str] = {"remote-send": "send", "remote-close": "close", "remote-reset": "reset"}
_VERBS = frozenset({*_SOCKET_VERBS, "server", "report"})
_BEYOND: Mapping[str, str] = {
    "remote-connect": "a server cannot reach a module behind its operator's address translation",
    "network": "servers have no say in the network",
    "link": "servers have no say in the link",
    "call": "servers have no telephone",
    "sms": "servers have no telephone",
}


@dataclass(slots=True)
class ServicesDriver:
    """The control port of `cellbench services up`; made anew for each procedure."""

    slot: str
    host: str
    port: int
    token: str | None = field(default=None, repr=False)
    _since: str | None = None

    def __post_init__(self) -> None:
        try:
            self._since = self._request("mark", {})["at"]
        except CellbenchError as error:
            log.info("the servers' control port does not answer yet: %s", error)

    def act(self, verb: str, **values: str) -> None:
        """``server name=N state=S``, ``remote-send socket=N hex=BYTES``, ``remote-close``, ``remote-reset``.

        NotPossible for other verbs, for a server that is not there and where the socket cannot be told
        from others; ServiceError when the control port does not answer.
        """
        if verb == "server":
            self._request("server", values)
        elif verb in _SOCKET_VERBS:
            rest = {key: value for key, value in values.items() if key != "socket"}
            self._request(_SOCKET_VERBS[verb], {"id": self._only_peer(verb), **rest})
        else:
            raise lacks(self.slot, verb, self.why_not(verb))

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """``what=server name=N``: what a server saw last."""
        if what != "server":
            raise lacks(self.slot, f"report {what}", "servers see neither contexts nor the module's ports")
        return self._request("report", values)

    def can(self, verb: str) -> bool:
        """What servers can do, wherever they are."""
        return verb in _VERBS

    def why_not(self, verb: str) -> str:
        """What is beyond servers."""
        return _BEYOND.get(verb, "the servers know no such verb")

    def _only_peer(self, verb: str) -> str:
        if self._since is None:
            self._since = self._request("mark", {})["at"]
        found = self._request("peers", {"since": self._since})
        if len(found) == 1:
            return next(iter(found))
        if not found:
            raise lacks(self.slot, verb, "no connection or datagram has come to the servers since the "
                        "procedure began")
        raise lacks(self.slot, verb, f"{len(found)} peers came to the servers since the procedure began "
                    f"({', '.join(found.values())}), and nothing tells which one is meant")

    def _request(self, verb: str, values: Mapping[str, str]) -> Mapping[str, str]:
        try:
            return request(self.host, self.port, verb, values, token=self.token)
        except Refused as error:
            raise lacks(self.slot, verb, str(error)) from None
        except OSError as error:
            raise ServiceError(
                f"the servers' control port at {self.host}:{self.port} does not answer: {error}",
                remedy="start `cellbench services up --control` there, and let this host through",
            ) from None
