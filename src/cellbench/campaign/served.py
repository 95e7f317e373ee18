"""Which of the matrix's packages the firmware servers offer: asked of the servers by this host itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cellbench.base.errors import NotPossible, ServiceError
from cellbench.host.clients.ftp import FtpServer
from cellbench.host.clients.http import HttpServer
from cellbench.host.firmware.model import Method, Package
from cellbench.host.firmware.offer import Offer, ftp_offer, http_offer
from cellbench.rig.services import ServiceMap, ServicePlace

ROLES = {Method.FTP: "ftp-firmware", Method.HTTP: "http-firmware"}
"""The roles of the rig file's service map that firmware comes from."""


@dataclass(frozen=True, slots=True)
class Served:
    """A package as a server offers it: the place, the path there, and how the host gets it itself."""

    method: Method
    package: Package
    place: ServicePlace
    path: str
    offer: Offer | None = field(repr=False)
    seconds: float = 0.0  # that it took this host to get it

    @property
    def role(self) -> str:
        """The role in the service map, by which the far side knows the server."""
        return ROLES[self.method]

    def ftp(self) -> FtpServer:
        """The server as the module's FTP client takes it."""
        return FtpServer(self.place.target, self.place.user or "anonymous", self.place.password or "",
                         port=self.place.port or 21)

    def http(self) -> HttpServer:
        """The server as the module's HTTP client takes it."""
        return HttpServer(self.place.target, port=self.place.port or 80, user=self.place.user or "",
                          password=self.place.password or "")


def find_served(services: ServiceMap, method: Method, series: str, packages: Sequence[Package]) -> Served:
    """The package that a server offers for a series. NotPossible when the rig has no such server;
    ServiceError when what it offers is none of the packages, and when it does not answer."""
    role = ROLES[method]
    place = services.place(role)
    path = _path(place, series)
    if place.probe is None:
        raise NotPossible(f"service {role}: nobody knows what it offers",
                          remedy=f"name services.{role}.probe, where this host reaches it")
    user, password = place.user or "", place.password or ""
    make = ftp_offer if method is Method.FTP else http_offer
    offer = make(place.probe.host, place.probe.port, path, user, password)
    began = time.monotonic()
    data = offer()
    took = time.monotonic() - began
    found = next((one for one in packages if one.size == len(data) and one.data() == data), None)
    if found is None:
        raise ServiceError(f"service {role} offers {len(data)} bytes at {path} that are none of the packages",
                           remedy="put a package of the firmware catalogue there")
    return Served(method, found, place, path, offer, took)


def _path(place: ServicePlace, series: str) -> str:
    """Where the delta for a series lies: as the rig file names it."""
    for purpose in (f"{series.lower()}-delta", "delta"):
        if purpose in place.paths:
            return place.paths[purpose]
    return place.path("delta")
