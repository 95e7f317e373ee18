"""Who may switch: everybody at once, or one slot alone while it measures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_HOLD_S = 30.0


class Gate:
    """Lets switching through, except for others while one holds still. Nothing waits to be made safe."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._switching: list[object] = []
        self._holder: object | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._notice: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def passing(self, who: object) -> AsyncIterator[None]:
        """Switch something, once nobody else holds still."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._holder in (None, who))
            self._switching.append(who)
        try:
            yield
        finally:
            self._switching.remove(who)
            await self._notify()

    async def hold(self, who: object, at_most_s: float) -> None:
        """Keep others from switching, once what they have begun is done; at most ``at_most_s`` seconds."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._holder in (None, who))
            self._holder = who
            self._timer = asyncio.get_running_loop().call_later(min(at_most_s, MAX_HOLD_S), self.let_go, who)
            try:
                await self._changed.wait_for(lambda: all(other is who for other in self._switching))
            except BaseException:
                self.let_go(who)
                raise

    def let_go(self, who: object) -> None:
        """Let others switch again; does nothing when ``who`` does not hold."""
        if self._holder is not who or who is None:
            return
        self._holder = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._notice = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
