"""+UFTP, +UFTPC, +UFTPER (LENA-R8 guide 9.3.2, LARA-R6 guide 9, facts sheet internet 9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cellbench.catalogue.model import Form
from cellbench.virtual.device.clients.ftp import FtpClient, Op
from cellbench.virtual.device.clients.ftp_dialogue import FtpSettings
from cellbench.virtual.device.clients.ftp_failures import ErrorClass, UseCode
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure
from cellbench.virtual.device.files_at import file_store, refusals
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_TEXTS = {0: "address", 1: "name", 2: "user", 3: "password", 4: "account"}
_SECRETS = frozenset({3, 4})
_LONGEST_TEXT = 256
_LONGEST_REMOTE = 256
_TIMEOUTS = (0, 3600)
_LINGERS = (0, 120)
_OPS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12)
_COMMANDS = {Op.DELETE: "DELE", Op.CHANGE: "CWD", Op.CREATE: "MKD", Op.REMOVE: "RMD"}


def _client(ctx: CommandContext) -> FtpClient:
    return ctx.module.subsystem(FtpClient)


def _wrong(ctx: CommandContext) -> Refusal:
    return Refusal.cme(ctx.module.config.behaviour.error_parameter)


# -- settings ------------------------------------------------------------------------------------------


async def _configure(ctx: CommandContext) -> None:
    """AT+UFTP=<op>[,<value>...]; the op alone puts its value back."""
    client, op = _client(ctx), ctx.integer(0)
    if client.busy:
        raise Refusal.cme(3)
    settings = client.settings
    if not ctx.given(1):
        _put_back(settings, op)
    elif op in _TEXTS:
        _set_text(ctx, settings, op)
    elif op == 5:
        settings.timeout_s = ctx.number(1, *_TIMEOUTS)
        settings.linger_control_s = ctx.number(2, *_LINGERS) if ctx.given(2) else None
        settings.linger_data_s = ctx.number(3, *_LINGERS) if ctx.given(3) else None
    elif op == 6:
        settings.passive = bool(ctx.number(1, 0, 1))
    elif op == 7:
        settings.port = ctx.number(1, 1, 65_535)
    elif op == 8:
        secure = bool(ctx.number(1, 0, 1))
        profile = ctx.number(2, 0, 4) if ctx.given(2) else None
        if profile is not None and not secure:
            raise _wrong(ctx)
        settings.secure, settings.profile = secure, profile
    elif op == 12:
        settings.secure_data = bool(ctx.number(1, 0, 1))
    elif op == 20:
        cid = ctx.number(1, 1, 11)
        ipv6 = bool(ctx.number(2, 0, 1)) if ctx.given(2) else False
        if ctx.module.config.behaviour.ftp_context_choice:
            settings.cid, settings.ipv6 = cid, ipv6


def _set_text(ctx: CommandContext, settings: FtpSettings, op: int) -> None:
    text = ctx.text(1)
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise _wrong(ctx)
    setattr(settings, _TEXTS[op], text)
    if op == 0:
        settings.name = ""  # address and name exclude one another, the last one counts
    elif op == 1:
        settings.address = ""


def _put_back(settings: FtpSettings, op: int) -> None:
    fields = {**{number: (name,) for number, name in _TEXTS.items()},
              5: ("timeout_s", "linger_control_s", "linger_data_s"), 6: ("passive",), 7: ("port",),
              8: ("secure", "profile"), 12: ("secure_data",), 20: ("cid", "ipv6")}
    factory = FtpSettings()
    for name in fields[op]:
        setattr(settings, name, getattr(factory, name))


async def _show(ctx: CommandContext) -> None:
    """AT+UFTP?: a line for each operation."""
    settings = _client(ctx).settings
    own_context = ctx.module.config.behaviour.ftp_context_choice
    for op in (*_OPS, *((20,) if own_context else ())):
        ctx.info(f"+UFTP: {op},{_shown(settings, op)}")


def _shown(settings: FtpSettings, op: int) -> str:
    if op in _SECRETS:
        return '""'  # never shown
    if op in _TEXTS:
        return f'"{getattr(settings, _TEXTS[op])}"'
    if op == 5:
        lingers = (settings.linger_control_s, settings.linger_data_s)
        given = [str(one) if one is not None else "" for one in lingers]
        return ",".join([str(settings.timeout_s), *given]).rstrip(",")
    if op == 8:
        return f"{int(settings.secure)}{'' if settings.profile is None else f',{settings.profile}'}"
    if op == 20:
        return f"{settings.cid or 1},{int(settings.ipv6)}"
    return str(int({6: settings.passive, 7: settings.port, 12: settings.secure_data}[op]))


# -- operations ----------------------------------------------------------------------------------------


async def _operate(ctx: CommandContext) -> None:
    """AT+UFTPC: OK at once and the outcome by +UUFTPCR; 6 and 7 go through CONNECT."""
    client = _client(ctx)
    op = Op(ctx.integer(0))
    if op is Op.PACKAGE and ctx.module.updater.downloading:
        raise Refusal.cme(3)  # one way of download at a time
    work = _work(ctx, client, op)
    _admit(ctx, client, op)
    if work is None:
        await _direct_link(ctx, client, op)
    else:
        client.start(op, work)  # its URCs wait for the end of this line


def _admit(ctx: CommandContext, client: FtpClient, op: Op) -> None:
    """Refuse what cannot begin now."""
    code = None
    if client.busy:
        raise Refusal.cme(3)  # what runs will leave its own error
    if op is not Op.LOGIN:
        code = None if client.logged_in else UseCode.STATE
    elif client.connected:
        code = UseCode.STATE
    else:
        try:
            ctx.module.subsystem(Outward).source(client.settings.cid, client.settings.ipv6)
        except OutwardFailure:
            code = UseCode.NO_CONTEXT
    if code is not None:
        client.error = (int(ErrorClass.USE), int(code))
        raise Refusal.cme(3)


Work = Callable[[], Awaitable[None]]


def _work(ctx: CommandContext, client: FtpClient, op: Op) -> Work | None:
    """What an operation does, its parameters checked; None for a direct link."""
    if op is Op.LOGIN:
        return client.log_in
    if op is Op.LOGOUT:
        return client.log_out
    if op in (Op.LIST, Op.NAMES):
        name = _remote(ctx, 1) if ctx.given(1) else ""
        return lambda: client.listing(op, name)
    first = _remote(ctx, 1) if op is not Op.PUT else _local(ctx, 1)
    if op in (Op.GET_DIRECT, Op.PUT_DIRECT):
        _offset(ctx, 2)
        return None
    if op is Op.PACKAGE:
        return lambda: client.package(first)
    if op is Op.RENAME:
        new = _remote(ctx, 2)
        return lambda: client.rename(first, new)
    if op is Op.GET:
        local = _local(ctx, 2)
        go_on = bool(_number_or(ctx, 3, 1))
        return lambda: client.get(first, local, go_on=go_on)
    if op is Op.PUT:
        remote, offset = _remote(ctx, 2), _number_or(ctx, 3, None)
        return lambda: client.put(first, remote, offset)
    command = "CDUP" if op is Op.CHANGE and first == ".." else f"{_COMMANDS[op]} {first}"
    return lambda: client.simple(command)


def _remote(ctx: CommandContext, index: int) -> str:
    name = ctx.text(index)
    if not name or len(name) > _LONGEST_REMOTE or not name.isprintable():
        raise _wrong(ctx)
    return name


def _local(ctx: CommandContext, index: int) -> str:
    name = ctx.text(index)
    with refusals():
        file_store(ctx.module).check_name(name)
    return name


def _offset(ctx: CommandContext, index: int) -> int:
    return ctx.number(index, 0, 0xFFFF_FFFF) if ctx.given(index) else 0


def _number_or(ctx: CommandContext, index: int, most: int | None) -> int:
    """The last parameter, an integer of the catalogue; 0 without one."""
    value = ctx.integer(index, 0)
    if value < 0 or (most is not None and value > most):
        raise _wrong(ctx)
    return value


async def _direct_link(ctx: CommandContext, client: FtpClient, op: Op) -> None:
    """CONNECT, the file, +++, DISCONNECT, OK, +UUFTPCR. Before CONNECT a failure is ERROR, the reason in
    +UFTPER."""
    link = await client.open_link(op, _remote(ctx, 1), _offset(ctx, 2))
    if link is None:
        raise Refusal.plain()
    try:
        await ctx.data_mode("CONNECT", link)
    except BaseException:
        client.drop_link(link)
        raise
    good = await client.close_link(link)
    ctx.info("DISCONNECT")
    ctx.afterwards(lambda: ctx.module.urc(f"+UUFTPCR: {int(op)},{int(good)}"))


async def _error(ctx: CommandContext) -> None:
    kind, code = _client(ctx).error
    ctx.info(f"+UFTPER: {kind},{code}")


HANDLERS: Handlers = {
    ("+UFTP", Form.SET): _configure, ("+UFTP", Form.READ): _show, ("+UFTPC", Form.SET): _operate,
    ("+UFTPER", Form.EXECUTE): _error,
}
