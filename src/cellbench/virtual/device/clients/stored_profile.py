"""A client's profile in NVM: what +UMQTTNV and +UMQTTSNNV have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from cellbench.virtual.front.context import CommandContext, Refusal


class ProfiledClient(Protocol):
    """A client with one current profile, a dataclass."""

    profile: Any

    @property
    def connected(self) -> bool:
        """True during a session."""
        ...

    @property
    def busy(self) -> bool:
        """True while a command runs."""
        ...

    def factory(self) -> Any:
        """A profile with factory values."""
        ...


def exchange(ctx: CommandContext, client: ProfiledClient, key: str, place: Callable[..., object]) -> None:
    """0 factory values, 1 from NVM, 2 to NVM, as the first argument says; refused during a session.

    ``place`` makes the one member of a profile that is no plain value, a server's place.
    """
    if client.connected or client.busy:
        raise Refusal.cme(3)
    what = ctx.integer(0)
    if what == 2:
        ctx.module.settings.store(key, asdict(client.profile))
        return
    client.profile = client.factory()
    if what == 1:
        for name, value in ctx.module.settings.mapping(key).items():
            setattr(client.profile, name, place(**value) if isinstance(value, Mapping) else value)
