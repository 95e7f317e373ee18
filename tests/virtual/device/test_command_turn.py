"""One command at a time: what another port starts meanwhile, and what is to be told, waits in order."""

from __future__ import annotations

import asyncio

from cellbench.virtual.device.clients.command_turn import CommandTurn


def test_what_comes_meanwhile_waits_for_the_result() -> None:
    async def scenario() -> list[str]:
        turn: CommandTurn[str] = CommandTurn()
        told: list[str] = []
        may_end = asyncio.Event()
        all_told = asyncio.Event()

        async def run(name: str) -> None:
            told.append(f"{name} runs")
            await may_end.wait()
            turn.finish()
            told.append(f"{name} told")
            turn.release()
            if turn.running is None:
                all_told.set()

        def notice() -> None:
            told.append("notice")

        turn.when_idle(lambda: told.append("at once"))
        turn.start("one", lambda: run("one"))
        assert turn.running == "one"
        turn.when_idle(notice)
        turn.when_idle(notice)  # the same again is told once
        turn.start("two", lambda: run("two"))
        turn.when_idle(lambda: told.append("last"))
        may_end.set()
        async with asyncio.timeout(10):
            await all_told.wait()
        return told

    assert asyncio.run(scenario()) == [
        "at once", "one runs", "one told", "notice", "two runs", "two told", "last"]


def test_power_off_ends_the_command_without_a_word() -> None:
    async def scenario() -> bool:
        turn: CommandTurn[str] = CommandTurn()
        ended = asyncio.Event()
        turn.cancel()  # nothing runs: nothing happens

        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        turn.start("one", run)
        await asyncio.sleep(0)
        turn.cancel()
        async with asyncio.timeout(10):
            await ended.wait()
        return True

    assert asyncio.run(scenario())
