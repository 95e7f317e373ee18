"""A virtual internet over the real servers of the park, for one scenario at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cellbench.services.park import Park
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.world.world import load_world

DEADLINE_S = 8.0
SLOW_S = 0.3
Scenario = Callable[[Internet], Awaitable[None]]


@pytest.fixture
def play() -> Callable[[Scenario], None]:
    """Run a scenario against a fresh internet; everything is closed afterwards."""
    def run(scenario: Scenario) -> None:
        async def within() -> None:
            world, park = load_world(), Park()
            plain = world.definitions().items()
            await park.start({name: {**one, "slow_s": SLOW_S}
                              for name, one in plain if isinstance(one, dict)})
            internet = Internet(world, park)
            try:
                await asyncio.wait_for(scenario(internet), DEADLINE_S)
            finally:
                await internet.close()
                await park.stop()

        asyncio.run(within())

    return run
