"""The service map as suites and canaries use it: a role, and where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellbench.base.errors import NotPossible
from cellbench.rig.check import file_beside
from cellbench.rig.load import LoadedRig
from cellbench.rig.schema_service import Probe, Service
from cellbench.rig.secrets import resolve_secret


@dataclass(frozen=True, slots=True)
class ServicePlace:
    """Where a role is found. ``host`` is an address and ``name`` a name, both as the module uses them;
    at least one is there. ``client`` are the files of a client certificate and its key. ``probe`` is
    where the host itself reaches the same server, if it can."""

    role: str
    host: str | None
    name: str | None
    port: int | None
    ca: Path | None
    client: tuple[Path, Path] | None
    paths: Mapping[str, str]
    user: str | None
    password: str | None = field(repr=False)
    probe: Probe | None

    @property
    def target(self) -> str:
        """What a command names: the address where there is one, else the name."""
        return self.host or self.name or ""

    def path(self, purpose: str) -> str:
        """A path on the server; NotPossible lists those there are."""
        if purpose not in self.paths:
            raise NotPossible(f"service {self.role} has no path for {purpose}",
                              remedy=f"it has {', '.join(self.paths)}" if self.paths else
                              f"name it under services.{self.role}.paths in the rig file")
        return self.paths[purpose]


class Services(Mapping[str, Service]):
    """Role → where it is, as procedures take it: a role that the rig lacks is NotPossible, not a KeyError."""

    __slots__ = ("_rig",)

    def __init__(self, rig: LoadedRig) -> None:
        self._rig = rig

    def __getitem__(self, role: str) -> Service:
        found = self._rig.model.services.get(role)
        if found is None:
            roles = ", ".join(self) or "none"
            raise NotPossible(f"the rig {self._rig.model.rig} has no service {role}; it has {roles}",
                              remedy=f"name it under services in {self._rig.path}")
        return found

    def __contains__(self, role: object) -> bool:
        return role in self._rig.model.services

    def get(self, role: str, default: Any = None) -> Any:
        """Where a role is, ``default`` when the rig lacks it."""
        return self._rig.model.services.get(role, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rig.model.services)

    def __len__(self) -> int:
        return len(self._rig.model.services)


class ServiceMap:
    """The roles of a rig."""

    __slots__ = ("_rig",)

    def __init__(self, rig: LoadedRig) -> None:
        self._rig = rig

    def roles(self) -> tuple[str, ...]:
        """All roles."""
        return tuple(self._rig.model.services)

    def has(self, role: str) -> bool:
        """True when the rig names the role."""
        return role in self._rig.model.services

    def place(self, role: str) -> ServicePlace:
        """Where a role is; NotPossible lists the roles when the rig lacks it."""
        found = self._rig.model.services.get(role)
        if found is None:
            roles = ", ".join(self.roles()) or "none"
            raise NotPossible(f"the rig {self._rig.model.rig} has no service {role}; it has {roles}",
                              remedy=f"name it under services in {self._rig.path}")
        password = None
        if found.password is not None:
            where = self._rig.where("services", role, "password")
            password = resolve_secret(found.password, self._rig.path, where)
        probe = found.probe
        if probe is None and found.host is not None and found.port is not None:
            probe = Probe(host=found.host, port=found.port)
        ours = None
        if found.client_certificate is not None and found.client_key is not None:
            ours = (file_beside(self._rig.path, found.client_certificate),
                    file_beside(self._rig.path, found.client_key))
        return ServicePlace(role, found.host, found.name, found.port,
                            file_beside(self._rig.path, found.ca) if found.ca else None, ours,
                            dict(found.paths), found.user, password, probe)
