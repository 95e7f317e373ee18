"""Scans of the networks around, and what another port's command does to one (LENA-R8 guide 4.2.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from cellbench.virtual.device.network import ACT, Rat
from cellbench.virtual.device.radio import Radio
from cellbench.virtual.front.context import CommandContext, Refusal

_NOT_ALLOWED = 3


async def networks(ctx: CommandContext) -> None:
    """+COPS=?: LENA-R8 puts LF CR before each entry (public driver)."""
    module, radio, network = ctx.module, ctx.module.radio, ctx.module.network
    if radio.function != 1:
        raise Refusal.cme(_NOT_ALLOWED)
    if radio.searching and module.config.behaviour.cops_list_short_when_busy:
        ctx.info("+COPS: ,,(0-4),(0-2)")
        return
    before = "\n\r" if module.config.behaviour.cops_list_line_ends else ""
    await _scanned(ctx)
    entries: list[str] = []
    if network.found:
        stat = 2 if radio.registered else 1
        facts = network.facts
        entries.append(f'({stat},"{facts.long_name}","{facts.short_name}","{facts.plmn}",{ACT[network.rat]})')
        entries += [f'(3,"{long}","{short}","{plmn}",{ACT[Rat.LTE]})'
                    for plmn, long, short in facts.neighbours]
    ctx.info("+COPS: " + ",".join(before + entry for entry in entries) + ",,(0-4),(0-2)")


async def deep(ctx: CommandContext) -> None:
    """+UCFSCAN."""
    await _scanned(ctx)
    network = ctx.module.network
    if network.found:
        ctx.info(f'+UCFSCAN: {ACT[network.rat]},"{network.facts.plmn}"')


async def _scanned(ctx: CommandContext) -> None:
    """Spend the time of a scan; Refusal when the radio is wanted for something else meanwhile, or is
    scanning for another port."""
    module = ctx.module
    behaviour = module.config.behaviour
    if module.radio.scan is not None:
        raise Refusal.cme(behaviour.radio_busy_error)
    with _in_progress(module.radio, module.pace.loop.create_future()) as broken:
        done, _ = await asyncio.wait((broken,), timeout=module.pace.own(behaviour.scan_s))
    if done:
        raise Refusal.cme(behaviour.scan_broken_error)


@contextlib.contextmanager
def _in_progress(radio: Radio, broken: asyncio.Future[None]) -> Iterator[asyncio.Future[None]]:
    radio.scan = broken
    try:
        yield broken
    finally:
        radio.scan = None


def want_radio(ctx: CommandContext) -> None:
    """The command is about to move the registration: refused while another port's scan goes on, unless scans
    give way."""
    radio, behaviour = ctx.module.radio, ctx.module.config.behaviour
    if radio.scan is not None and not behaviour.scan_yields:
        raise Refusal.cme(behaviour.radio_busy_error)
    radio.break_scan()
