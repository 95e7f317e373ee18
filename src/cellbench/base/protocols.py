"""Protocols by which rooms meet that must not import each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server of the far side where it truly listens."""

    transport: str  # "tcp" or "udp"
    host: str
    port: int


class FarSide(Protocol):
    """What makes the network act for one slot; a verb it lacks raises NotPossible."""

    def act(self, verb: str, **values: str) -> None:
        """Make the far side do something; returns when it is done."""
        ...

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """Facts that the far side saw."""
        ...

    def can(self, verb: str) -> bool:
        """True when this far side knows the verb."""
        ...

    def why_not(self, verb: str) -> str:
        """Why it cannot do a verb that it does not know, for a report."""
        ...


class Prompter(Protocol):
    """Asks a person, wherever one is reached."""

    def ask(self, question: str, *, about: str, answers: tuple[str, ...], within_s: float) -> str:
        """One of ``answers``, as the person gave it.

        ``about`` names the slot or instrument that it is about. OperatorError when nobody answers within
        ``within_s`` seconds, or when the question is withdrawn because nobody waits for it any more.
        """
        ...


@runtime_checkable
class AsksPeople(Protocol):
    """An instrument that a person works; whoever opens it gives it the way to the person."""

    def meet(self, prompter: Prompter) -> None:
        """Ask by this prompter from now on."""
        ...


class AttachBudget(Protocol):
    """Counts what a network operator counts: attaches, detaches, reboots."""

    def spend(self, cause: str) -> None:
        """Take one token for ``cause``; raises OperatorError when none is left."""
        ...


class ServerPark(Protocol):
    """The servers of the far side, steered by whoever runs the virtual network.

    Names are those of the world file (``echo``, ``dns``, ``icmp`` ...).
    """

    def endpoints(self) -> Mapping[str, tuple[Endpoint, ...]]:
        """Where each server listens, by name."""
        ...

    async def set_state(self, name: str, state: str) -> None:
        """up, down, mute, slow, no-tls or reset; raises KeyError for an unknown name and
        ValueError for a state that the server cannot take."""
        ...

    def report(self, name: str) -> Mapping[str, str]:
        """What the server saw last."""
        ...
