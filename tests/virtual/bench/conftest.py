"""A loop in a thread, so that real blocking clients can talk to the bench's servers."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest


class LoopThread:
    """Runs an asyncio loop beside the test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def call(self, function: Callable[[], Any]) -> Any:
        """The result of a plain function, called in the loop's thread."""
        async def work() -> Any:
            return function()
        return self.run(work())

    def wait_for(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        """True when ``condition`` comes true in the loop's thread in time."""
        async def work() -> bool:
            end = self.loop.time() + seconds
            while not condition():
                if self.loop.time() > end:
                    return False
                await asyncio.sleep(0.002)
            return True
        return bool(self.run(work()))

    def stop(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """A running loop."""
    thread = LoopThread()
    yield thread
    thread.stop()
