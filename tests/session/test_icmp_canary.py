"""The ICMP service is asked in its own tongue before a module is blamed."""

from __future__ import annotations

import asyncio
import socket

from cellbench.rig.schema_service import Service
from cellbench.services.park import Park
from cellbench.session.canaries import _service
from cellbench.virtual.world.world import load_world


def test_the_bench_own_icmp_server_answers() -> None:
    async def ask() -> tuple[bool, bool]:
        park = Park()
        await park.start(load_world().definitions())
        try:
            place = park.endpoints()["icmp"][0]
            service = Service.model_validate({"host": place.host, "port": place.port})
            up = await asyncio.to_thread(_service, "icmp", service)
            await park.set_state("icmp", "mute")
            mute = await asyncio.to_thread(_service, "icmp", service)
        finally:
            await park.stop()
        return up.well, mute.well

    assert asyncio.run(ask()) == (True, False)


def test_nobody_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    seen = _service("icmp", Service.model_validate({"host": "127.0.0.1", "port": port}))
    assert not seen.well
