"""+USECPRF (LENA-R8 guide 9.1.2, Table 23; LARA-R6 guide 3.2, 3.4; facts sheet internet 6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.io.tls.settings import Check
from cellbench.virtual.device.security import LEGACY_SUITES, Kind, Profile, SecurityProfiles
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

if TYPE_CHECKING:
    from cellbench.virtual.device.behaviour import Behaviour

_LONGEST = {3: 200, 4: 256, 5: 200, 6: 200, 7: 128, 10: 128}
_NAMES = {3: "root", 4: "host", 5: "certificate", 6: "key", 7: "password", 10: "sni"}
_PSK_CHARACTERS, _IDENTITY_CHARACTERS = 64, 128
_LONGEST_TICKET = 8192
_MASTER_SECRET_TEXT = 64
_SESSION_ID_TEXT = 48


def _wrong(ctx: CommandContext) -> Refusal:
    return Refusal.cme(ctx.module.config.behaviour.error_parameter)


async def _profile(ctx: CommandContext) -> None:
    profiles, number = ctx.module.subsystem(SecurityProfiles), ctx.integer(0)
    if not ctx.given(1):
        profiles.reset(number)
        return
    op = ctx.integer(1)
    if not _has(ctx.module.config.behaviour, op):
        raise _wrong(ctx)
    if op == 13:
        await _resumption(ctx, profiles[number])
    elif ctx.given(2):
        await _setters(op)(ctx, profiles[number])
    else:
        ctx.info(f"+USECPRF: {number},{op},{_shown(profiles[number], op)}")


def _has(facts: Behaviour, op: int) -> bool:
    if op == 13:
        return facts.session_resumption
    return op not in (11, 14) or facts.root_of_trust


# -- setting -------------------------------------------------------------------------------------

Setter = Callable[[CommandContext, Profile], Awaitable[None]]


async def _set_check(ctx: CommandContext, profile: Profile) -> None:
    profile.check = Check(ctx.number(2, 0, 3))


async def _set_version(ctx: CommandContext, profile: Profile) -> None:
    profile.version = ctx.number(2, 0, 4 if ctx.module.config.behaviour.tls13 else 3)


async def _set_suite(ctx: CommandContext, profile: Profile) -> None:
    form = ctx.number(2, 0, 100)
    if form <= max(LEGACY_SUITES):
        profile.suite = (str(form),)
        return
    if form not in (99, 100):
        raise _wrong(ctx)
    try:
        suite = bytes.fromhex(ctx.text(3) + ctx.text(4))
    except ValueError:
        raise _wrong(ctx) from None
    if len(suite) != 2:
        raise _wrong(ctx)
    if form == 99:
        profile.suite = ("99", suite.hex())
        return
    number = int.from_bytes(suite, "big")
    if ctx.call.args[5:] and ctx.text(5) == "1":
        profile.listed = [one for one in profile.listed if one != number]
    elif number not in profile.listed:
        profile.listed.append(number)
    profile.suite = ("100",) if profile.listed else ("0",)


async def _set_text(ctx: CommandContext, profile: Profile) -> None:
    op, text = ctx.integer(1), ctx.text(2)
    if len(text) > _LONGEST[op]:
        raise _wrong(ctx)
    setattr(profile, _NAMES[op], text)


async def _set_psk(ctx: CommandContext, profile: Profile) -> None:
    op, text = ctx.integer(1), ctx.text(2)
    hexadecimal = ctx.number(3, 0, 1, default=0)
    longest = _PSK_CHARACTERS if op == 8 else _IDENTITY_CHARACTERS
    try:
        value = bytes.fromhex(text) if hexadecimal else text.encode("latin-1")
    except ValueError:
        raise _wrong(ctx) from None
    if len(value) > longest:
        raise _wrong(ctx)
    if op == 8:
        profile.psk = value
    else:
        profile.identity = value


async def _set_root_of_trust(ctx: CommandContext, profile: Profile) -> None:
    profile.root_of_trust = bool(ctx.number(2, 0, 1))


async def _set_pin(ctx: CommandContext, profile: Profile) -> None:
    profile.pin = (ctx.text(2), ctx.number(3, 0, 2))


async def _set_sealing(ctx: CommandContext, profile: Profile) -> None:
    if ctx.number(2, 0, 2):
        raise Refusal.cme(3)  # nothing was sealed into this module


def _setters(op: int) -> Setter:
    table: Mapping[int, Setter] = {
        0: _set_check, 1: _set_version, 2: _set_suite, 8: _set_psk, 9: _set_psk, 11: _set_root_of_trust,
        12: _set_pin, 14: _set_sealing,
    }
    return table.get(op, _set_text)


def _shown(profile: Profile, op: int) -> str:
    """The value of an operation as its read form prints it; secrets are never shown."""
    if op == 2:
        if profile.suite[0] == "99":
            return f'99,"{profile.suite[1].upper()}"'
        if profile.suite[0] == "100":
            return f'100,"{";".join(f"{one:04X}" for one in profile.listed)}"'
        return profile.suite[0]
    numbers = {0: int(profile.check), 1: profile.version, 11: int(profile.root_of_trust), 14: 0}
    if op in numbers:
        return str(numbers[op])
    if op == 12:
        return f'"{profile.pin[0]}",{profile.pin[1]}'
    if op in (7, 8):
        return '""'
    if op == 9:
        return f'"{profile.identity.decode("latin-1")}"'
    return f'"{getattr(profile, _NAMES[op])}"'


# -- session resumption --------------------------------------------------------------------------


async def _resumption(ctx: CommandContext, profile: Profile) -> None:
    """Operation 13 (LARA-R6 guide 3.4.4): 0 on or off, 1 type, a data tag with data, or a read."""
    number, resumption = ctx.integer(0), profile.resumption
    what = ctx.number(2, 0, 15)
    if not ctx.given(3):
        ctx.info(f"+USECPRF: {number},13,{what}{_resumption_shown(ctx, profile, what)}")
        return
    if what == 0:
        resumption.enabled = bool(ctx.number(3, 0, 1))
        if not resumption.enabled:
            resumption.texts = ()
        return
    if not resumption.enabled:
        raise Refusal.cme(3)  # it must be enabled first (LARA-R6 guide 3.4.4, step 2)
    if what == 1:
        try:
            resumption.kind = Kind(ctx.number(3, 0, 13))
        except ValueError:
            raise _wrong(ctx) from None
        resumption.texts = ()
        return
    if resumption.kind is None or what != resumption.kind.tag:
        raise Refusal.cme(3)
    resumption.texts = await _data(ctx, resumption.kind)


async def _data(ctx: CommandContext, kind: Kind) -> tuple[str, ...]:
    if kind is Kind.ID:
        session_id, secret = ctx.text(3), ctx.text(4)
        if len(session_id) > _SESSION_ID_TEXT or len(secret) != _MASTER_SECRET_TEXT:
            raise _wrong(ctx)
        return session_id, secret
    if kind in (Kind.PSK_TICKET, Kind.PSK_TICKET_LOCAL):
        size = ctx.number(3, 1, _LONGEST_TICKET)
        taken = await ctx.payload(">", size, timeout_s=ctx.module.config.behaviour.usecmng_input_timeout_s)
        if taken is None:
            raise Refusal.plain()
        return taken.decode("latin-1"), str(size)
    text = ctx.text(3)
    if ctx.number(4, 1, _LONGEST_TICKET) != len(text):
        raise _wrong(ctx)
    return text, str(len(text))


def _resumption_shown(ctx: CommandContext, profile: Profile, what: int) -> str:
    """What follows the number asked for; ERROR where there is nothing."""
    resumption = profile.resumption
    if what == 0:
        return f",{2 if resumption.texts else int(resumption.enabled)}"
    if what == 1 and resumption.kind is not None:
        return f",{int(resumption.kind)}"
    kind = resumption.kind
    if kind is None or kind.by_id or what != kind.tag or not resumption.texts:
        raise Refusal.cme(3)
    return "," + ",".join(resumption.texts)


HANDLERS: Handlers = {("+USECPRF", Form.SET): _profile}
