"""+UCOAP, +UCOAPC, +UCOAPER (LARA-R6 guide 8, facts sheet internet 12)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.clients.coap import (
    FORMATS,
    PROFILE_INVALID,
    PROFILES,
    CoapClient,
    CoapProfile,
    Command,
    Header,
    Request,
    block_size,
)
from cellbench.virtual.device.clients.coap_line import parse_uri
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_LONGEST_URI = 785
_LARGEST_PAYLOAD = 512
_LARGEST_BLOCK_NUMBER = 0xFFFFF  # RFC 7959 2.2: 20 bits
_HEADERS = tuple(Header)
_LIST = 7


def _client(ctx: CommandContext) -> CoapClient:
    return ctx.module.subsystem(CoapClient)


def _wrong(ctx: CommandContext) -> Refusal:
    return Refusal.cme(ctx.module.config.behaviour.error_parameter)


async def _configure(ctx: CommandContext) -> None:
    """AT+UCOAP=<op>[,<value>...]"""
    client, op = _client(ctx), ctx.integer(0)
    if op == _LIST:
        if ctx.given(1):
            raise _wrong(ctx)
        _list(ctx, client)
        return
    if not ctx.given(1) or (ctx.given(2) and op not in (2, 20)):
        raise _wrong(ctx)
    if client.busy:
        raise Refusal.cme(3)
    if op == 5:
        if not client.load(ctx.number(1, 0, PROFILES - 1)):
            raise Refusal.cme(3)
    elif op == 6:
        client.store(ctx.number(1, 0, PROFILES - 1))
    else:
        _set(ctx, client.profile, op)


def _set(ctx: CommandContext, profile: CoapProfile, op: int) -> None:
    if op == 1:
        uri = ctx.text(1)
        try:
            parse_uri(uri)
        except ValueError:
            raise _wrong(ctx) from None
        if len(uri) > _LONGEST_URI:
            raise _wrong(ctx)
        profile.uri = uri
    elif op == 2:
        header, on = _HEADERS[ctx.number(1, 0, len(_HEADERS) - 1)], ctx.number(2, 0, 1)
        profile.options = profile.options | header if on else profile.options & ~header
    elif op == 4:
        profile.valid = bool(ctx.number(1, 0, 1))
    elif op == 8:
        profile.security_profile = ctx.number(1, 0, 4)
    elif op == 20:
        cid = ctx.number(1, 1, 11)
        ipv6 = bool(ctx.number(2, 0, 1)) if ctx.given(2) else False
        profile.cid, profile.ipv6 = cid, ipv6
    else:
        raise _wrong(ctx)


def _lines(profile: CoapProfile) -> list[str]:
    return [f'"URI_STR","{profile.uri}"', f'"OPT_MASK",{int(profile.options)}',
            f'"PROFILE_NUM",{profile.number}', f'"STATUS_FLAG",{int(profile.valid)}',
            f'"USECMNG PROFILE",{profile.security_profile}']


def _list(ctx: CommandContext, client: CoapClient) -> None:
    for number in range(PROFILES):
        profile = client.stored(number)
        if profile is None:
            ctx.info(f"+UCOAP: INVALID PROFILE NUMBER {number}")
            continue
        for line in _lines(profile):
            ctx.info(f"+UCOAP: {line}")
        if ctx.module.config.behaviour.coap_list_with_rai:
            ctx.info('+UCOAP: "RAI FLAG",0')


async def _read(ctx: CommandContext) -> None:
    """AT+UCOAP?: the current profile."""
    for line in (*_lines(_client(ctx).profile), '"RAI FLAG",0'):
        ctx.info(f"+UCOAP: {line}")


async def _request(ctx: CommandContext) -> None:
    """AT+UCOAPC: over UDP and TCP OK at once, over DTLS and TLS once the handshake is done."""
    client = _client(ctx)
    request = _read_request(ctx)
    if client.busy:
        raise Refusal.cme(3)
    profile = client.profile
    if not profile.valid or not profile.uri:
        client.fail(PROFILE_INVALID)
        raise Refusal.cme(3)
    try:
        ctx.module.subsystem(Outward).source(profile.cid, profile.ipv6)
    except OutwardFailure as failure:
        client.fail(client.code_of(failure.stage))
        raise Refusal.cme(3) from None
    client.claim()
    if parse_uri(profile.uri).secure and not await client.connect():
        raise Refusal.cme(3)
    ctx.afterwards(lambda: client.start(request))


def _read_request(ctx: CommandContext) -> Request:
    command = Command(ctx.integer(0))
    if command in (Command.GET, Command.DELETE):
        if any(ctx.given(index) for index in range(1, 5)):
            raise _wrong(ctx)
        return Request(command)
    payload = _payload(ctx)
    content = ctx.integer(2)
    if not 0 <= content < len(FORMATS) or ctx.given(3) != ctx.given(4):
        raise _wrong(ctx)
    if not ctx.given(3):
        return Request(command, payload, content)
    number, more = ctx.integer(3), bool(ctx.integer(4))
    if not 0 <= number <= _LARGEST_BLOCK_NUMBER or (more and len(payload) != block_size(len(payload))):
        raise _wrong(ctx)  # RFC 7959 2.2: a block that others follow is full
    return Request(command, payload, content, (number, more))


def _payload(ctx: CommandContext) -> bytes:
    """Hexadecimal digits, two a byte."""
    text = ctx.text(1)
    if len(text) > 2 * _LARGEST_PAYLOAD or len(text) % 2 or not text.isascii() or not \
            all(character in "0123456789abcdefABCDEF" for character in text):
        raise _wrong(ctx)
    return bytes.fromhex(text)


async def _error(ctx: CommandContext) -> None:
    kind, code = _client(ctx).error
    ctx.info(f"+UCOAPER: {kind},{code}")


HANDLERS: Handlers = {
    ("+UCOAP", Form.SET): _configure, ("+UCOAP", Form.READ): _read,
    ("+UCOAPC", Form.SET): _request, ("+UCOAPER", Form.EXECUTE): _error,
}
