"""+UHTTP, +UHTTPC, +UHTTPER (LENA-R8 guide 9.3.1, LARA-R6 guide 10, facts sheet internet 8)."""

from __future__ import annotations

import re

from cellbench.catalogue.model import Form
from cellbench.virtual.device.clients.http import (
    CONTENT_TYPES,
    Code,
    HttpClient,
    HttpProfile,
    Method,
    Request,
    multipart,
)
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure
from cellbench.virtual.device.files_at import file_store, refusals
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_TEXTS = {0: "address", 1: "name", 2: "user", 3: "password"}
_LONGEST = {0: 64, 1: 1024, 2: 256, 3: 256}
_LONGEST_HEADER = 256
_HEADERS = 5
_LONGEST_DATA = 128
_OWN_TYPE = 6
_LONGEST_PATH = 1024
_TIMEOUTS = (30, 180)
_LINGERS = (0, 120)
_PATH = re.compile(r"/[!-~]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 5.6.2
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_FRAMING = frozenset({"content-length", "transfer-encoding", "upgrade", "connection"})
"""Header lines that say where a message ends: the client's own business."""


def _client(ctx: CommandContext) -> HttpClient:
    return ctx.module.subsystem(HttpClient)


def _wrong(ctx: CommandContext) -> Refusal:
    return Refusal.cme(ctx.module.config.behaviour.error_parameter)


async def _configure(ctx: CommandContext) -> None:
    """AT+UHTTP=<profile>[,<op>[,<value>...]]: resets, reads, sets."""
    client, number = _client(ctx), ctx.integer(0)
    if client.running(number):
        raise Refusal.cme(3)
    if not ctx.given(1):
        client.reset(number)
        return
    profile, op = client[number], ctx.integer(1)
    if not ctx.given(2):
        shown = _shown(profile, op)
        prefix = f"{number},{op}," if ctx.module.config.behaviour.uhttp_read_with_op else f"{number},"
        ctx.info(f"+UHTTP: {prefix}{shown}")
        return
    _set(ctx, profile, op)


def _set(ctx: CommandContext, profile: HttpProfile, op: int) -> None:
    if op in _TEXTS:
        text = ctx.text(2)
        if len(text) > _LONGEST[op]:
            raise _wrong(ctx)
        setattr(profile, _TEXTS[op], text)
        if op == 0:
            profile.name = ""  # address and name exclude one another, the last one counts
        elif op == 1:
            profile.address = ""
    elif op == 4:
        profile.basic = bool(ctx.number(2, 0, 1))
    elif op == 5:
        profile.port, profile.port_by_hand = ctx.number(2, 1, 65_535), True
    elif op == 6:
        _set_security(ctx, profile)
    elif op == 7:
        profile.timeout_s = ctx.number(2, *_TIMEOUTS)
        if ctx.given(3):
            profile.linger_s = ctx.number(3, *_LINGERS)
    elif op == 9:
        _set_header(ctx, profile)
    elif op == 20:
        profile.cid = ctx.number(2, 1, 11)
        profile.ipv6 = bool(ctx.number(3, 0, 1)) if ctx.given(3) else False
    else:
        raise _wrong(ctx)


def _set_security(ctx: CommandContext, profile: HttpProfile) -> None:
    secure = bool(ctx.number(2, 0, 1))
    number = ctx.number(3, 0, 4) if ctx.given(3) else None
    if number is not None and not secure:
        raise _wrong(ctx)
    profile.secure, profile.security_profile = secure, number
    if ctx.module.config.behaviour.http_secure_moves_port and not profile.port_by_hand:
        profile.port = 443 if secure else 80


def _set_header(ctx: CommandContext, profile: HttpProfile) -> None:
    """``<id>:<name>:<value>``; ``<id>:`` clears."""
    number, colon, rest = ctx.text(2).partition(":")
    if not colon or number not in {str(one) for one in range(_HEADERS)} or len(rest) > _LONGEST_HEADER:
        raise _wrong(ctx)
    if not rest:
        profile.headers.pop(int(number), None)
        return
    name, _, value = (part.strip() for part in rest.partition(":"))
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _FRAMING:
        raise _wrong(ctx)
    profile.headers[int(number)] = (name, value)


def _shown(profile: HttpProfile, op: int) -> str:
    if op == 3:
        return '""'  # a password is never shown
    if op in _TEXTS:
        return f'"{getattr(profile, _TEXTS[op])}"'
    if op == 6:
        more = f",{profile.security_profile}" if profile.security_profile is not None else ""
        return f"{int(profile.secure)}{more}"
    if op == 9:
        lines = [f"{number}:{name}:{value}" for number, (name, value) in sorted(profile.headers.items())]
        return ",".join(f'"{line}"' for line in lines) or '"0:"'
    if op == 20:
        return f"{profile.cid or 1},{int(profile.ipv6)}"
    values = {4: int(profile.basic), 5: profile.port, 7: profile.timeout_s}
    if op not in values:
        raise Refusal.cme(50)
    return str(values[op])


async def _request(ctx: CommandContext) -> None:
    """AT+UHTTPC: OK at once, the outcome by +UUHTTPCR."""
    client, number = _client(ctx), ctx.integer(0)
    if client.running(number):
        raise Refusal.cme(3)
    try:
        method = Method(ctx.integer(1))
    except ValueError:
        raise _wrong(ctx) from None
    if method is Method.PACKAGE and ctx.module.updater.downloading:
        raise Refusal.cme(3)  # one way of download at a time
    request = _read_request(ctx, method, number)
    if not client[number].host:
        client.refuse(number, Code.NO_SERVER)
        raise Refusal.cme(3)
    try:
        ctx.module.subsystem(Outward).source(client[number].cid, client[number].ipv6)
    except OutwardFailure:
        client.refuse(number, Code.NO_CONTEXT)
        raise Refusal.cme(3) from None
    client.claim(number)
    ctx.afterwards(lambda: client.start(number, request))


def _read_request(ctx: CommandContext, method: Method, number: int) -> Request:
    path, answer = ctx.text(2), ctx.text(3, "")
    if not _PATH.fullmatch(path) or len(path) > _LONGEST_PATH:
        raise _wrong(ctx)
    answer = answer or f"http_last_response_{number}"
    with refusals():
        file_store(ctx.module).check_name(answer)
    if method in (Method.HEAD, Method.GET, Method.DELETE, Method.PACKAGE):
        return Request(method, path, answer)
    sent, kind = ctx.text(4), ctx.integer(5)
    if method is Method.POST_DATA:
        if len(sent) > _LONGEST_DATA:
            raise _wrong(ctx)
        body = sent.encode("latin-1")
    else:
        with refusals():
            body = file_store(ctx.module).read(sent)
    if kind == _OWN_TYPE:
        if not _VALUE.fullmatch(ctx.text(6)):
            raise _wrong(ctx)
        return Request(method, path, answer, body, ctx.text(6))
    if kind == 3 and method is Method.POST_FILE:
        return Request(method, path, answer, *multipart(body, sent))
    return Request(method, path, answer, body, CONTENT_TYPES[kind])


async def _error(ctx: CommandContext) -> None:
    kind, code = _client(ctx).error(ctx.integer(0))
    ctx.info(f"+UHTTPER: {ctx.integer(0)},{kind},{code}")


HANDLERS: Handlers = {
    ("+UHTTP", Form.SET): _configure, ("+UHTTPC", Form.SET): _request, ("+UHTTPER", Form.SET): _error,
}
