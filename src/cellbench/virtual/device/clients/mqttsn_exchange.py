"""Questions of the MQTT-SN client: sent, sent again, answered or given up (MQTT-SN 1.2, clause 6.13)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cellbench.virtual.device.behaviour import Behaviour
from cellbench.virtual.device.clients.mqttsn_codec import Heard
from cellbench.virtual.device.clients.mqttsn_model import Failed
from cellbench.virtual.device.pace import Pace

_T = TypeVar("_T")
_R = TypeVar("_R")


class Exchanges:
    """One question at a time; ``send`` takes its datagrams."""

    def __init__(self, pace: Pace, facts: Behaviour, send: Callable[[bytes], None]) -> None:
        self._pace = pace
        self._facts = facts
        self._send = send
        self._answer: asyncio.Future[Heard] | None = None
        self._wanted: Callable[[Heard], bool] = lambda _: False
        self._number = 0

    def number(self) -> int:
        """The next MsgId."""
        self._number = self._number % 65_535 + 1
        return self._number

    def take(self, heard: Heard) -> bool:
        """True when this is the answer that is waited for."""
        if self._answer is None or self._answer.done() or not self._wanted(heard):
            return False
        self._answer.set_result(heard)
        return True

    def fail(self, code: int) -> None:
        """The session is gone: whoever waits is told."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Failed(code))

    async def ask(self, datagram: bytes, *kinds: type[_T], number: int | None = None,
                  again: bytes | None = None) -> _T:
        """The answer of one of ``kinds``, with that MsgId; ``again`` is what is sent from the second time on.

        TimeoutError when none comes, Failed when the session ends.
        """
        self._wanted = lambda heard: isinstance(heard, kinds) and (
            number is None or getattr(heard, "number", None) == number)
        answer: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._answer = answer
        try:
            heard = await self.repeat(datagram, datagram if again is None else again,
                                      lambda: asyncio.shield(answer))
        finally:
            self._answer = None
            answer.cancel()
        assert isinstance(heard, kinds)
        return heard

    async def repeat(self, datagram: bytes, again: bytes, answered: Callable[[], Awaitable[_R]]) -> _R:
        """Send until ``answered`` returns; TimeoutError after the last time."""
        tries = 1 + self._facts.mqttsn_retries
        for attempt in range(tries):
            self._send(again if attempt else datagram)
            try:
                async with asyncio.timeout(self._pace.patience(self._facts.mqttsn_retry_s, tries)):
                    return await answered()
            except TimeoutError:
                continue
        raise TimeoutError
