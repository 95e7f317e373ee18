"""The service map of a rig file as typed models: a role on the far side of the network, and where it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cellbench.base.errors import NotPossible
from cellbench.instruments.settings import Host, Secret, Strict, TcpPort, Text

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9\-]{0,31}$")]


class Probe(Strict):
    """Where the host itself reaches a service, to tell a dead service from a dead module."""

    host: Host
    """Address as the host uses it."""
    port: TcpPort
    """Port as the host uses it."""


def stated(value: str | None, lack: str) -> str:
    """A value that a procedure needs and the rig file may leave out."""
    if value is None:
        raise NotPossible(f"the service has {lack} in the rig file",
                          remedy="add it to its role under services")
    return value


class Service(Strict):
    """A role on the far side of the network; suites name the role, never the address."""

    host: Host | None = None
    """Address as the module shall use it."""
    name: Host | None = None
    """Name that the network's resolver knows for it."""
    port: TcpPort | None = None
    """Port; unset: the role has none (ICMP)."""
    ca: Text | None = None
    """File with the certificate authority that signs the server; relative to this file."""
    client_certificate: Text | None = None
    """File with a client certificate that the server takes, where it demands one; relative to this file."""
    client_key: Text | None = None
    """File with the key of `client_certificate`; relative to this file."""
    paths: dict[Role, Text] = Field(default_factory=dict)
    """Paths or resources on the server, by purpose."""
    user: Text | None = None
    """User name on the server."""
    password: Secret | None = None
    """Password on the server, by reference."""
    probe: Probe | None = None
    """Where the host itself reaches the same server; unset: at host and port, when both are given."""

    @property
    def address(self) -> str:
        """`host`; NotPossible when the rig file states none."""
        return stated(self.host, "no host")

    @property
    def dns_name(self) -> str:
        """`name`; NotPossible when the rig file states none."""
        return stated(self.name, "no name")

    @property
    def target(self) -> str:
        """What a command names: the address where there is one, else the name."""
        return self.host or self.dns_name

    @model_validator(mode="after")
    def _reachable(self) -> Service:
        if self.host is None and self.name is None:
            raise ValueError("give host or name, or both")
        if (self.client_certificate is None) is not (self.client_key is None):
            raise ValueError("a client certificate takes its key: give client_certificate and client_key")
        return self
