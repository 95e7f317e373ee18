"""What the control room can break in a supply's conversation; faults of its outputs are in output.py."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Cut(enum.Enum):
    """How a connection is cut."""

    NO = "no"
    ANSWER = "answer"
    """In the middle of every answer from now on."""
    DEAD = "dead"
    """At once, and no new one is taken."""


@dataclass(slots=True)
class TalkFaults:
    """What is wrong in the conversation, all of it until it is ended.

    ``error``: number that every setting message leaves in the error queue. ``stale``: a query is answered
    with the answer of the query before it, as after an answer that nobody had read. ``deaf``: nothing is
    answered.
    """

    cut: Cut = Cut.NO
    error: int | None = None
    stale: bool = False
    deaf: bool = False
    left_over: str = "0"
    """The last answer made, whoever asked."""

    def answer(self, made: str | None) -> str | None:
        """What the client gets for the answer that was made."""
        if made is None or self.deaf:
            return None
        given, self.left_over = (self.left_over if self.stale else made), made
        return given
