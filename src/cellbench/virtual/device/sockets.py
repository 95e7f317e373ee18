"""The socket commands (LENA-R8 guide 9.2, LARA-R6 guide chapter 5): their arguments, answers and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Form
from cellbench.virtual.device.behaviour import Behaviour
from cellbench.virtual.device.sockets_engine import SocketEngine
from cellbench.virtual.device.sockets_link import DirectLink
from cellbench.virtual.device.sockets_model import AnySocket, Protocols, TcpSocket, UdpSocket
from cellbench.virtual.device.sockets_options import get_option, set_option
from cellbench.virtual.front.context import CommandContext, Handler, Refusal
from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.route import Peer

HEX_MODE = "+UDCONF=1"
SYSTEM_OPTIONS = "+USOCFG"
WRITE_MAX = 1024
WRITE_MAX_HEX = 512
READ_MAX = 1024
FORBIDDEN = frozenset('\r\n"\x1a\x00')
"""What the base syntax cannot carry (sibling's manual; guides: "some characters are not allowed")."""


def _engine(ctx: CommandContext) -> SocketEngine:
    return ctx.module.subsystem(SocketEngine)


def _facts(ctx: CommandContext) -> Behaviour:
    return ctx.module.config.behaviour


def _refused(ctx: CommandContext) -> Refusal:
    """A socket command that cannot be done; the reason is in +USOER."""
    return Refusal.cme(_facts(ctx).socket_refusal)


def _wrong(ctx: CommandContext) -> Refusal:
    """A parameter without sense."""
    return Refusal.cme(_facts(ctx).error_parameter)


def _hex_mode(ctx: CommandContext) -> bool:
    return ctx.module.settings.number(HEX_MODE) == 1


def _socket(ctx: CommandContext) -> AnySocket:
    """The socket of the first argument."""
    number = ctx.integer(0)
    if not 0 <= number < ctx.module.profile.sockets.value:
        raise _wrong(ctx)
    try:
        return _engine(ctx).get(number)
    except NetFailure:
        raise _refused(ctx) from None


def _port(ctx: CommandContext, index: int) -> int:
    port = ctx.integer(index)
    if not 1 <= port <= 65535:
        raise _wrong(ctx)
    return port


async def create(ctx: CommandContext) -> None:
    """AT+USOCR=<6 TCP, 17 UDP>[,<local_port>[,<IP_type>[,<cid>]]]."""
    protocol, local_port = ctx.integer(0), ctx.integer(1, 0)
    family = ctx.integer(2) if ctx.given(2) else None
    cid = ctx.integer(3) if ctx.given(3) else None
    if protocol not in (6, 17) or not 0 <= local_port <= 65535 or family not in (None, 0, 1):
        raise _wrong(ctx)
    ipv6 = None if family is None else family == 1
    try:
        made = _engine(ctx).create(Protocols(protocol), local_port, ipv6, cid)
    except NetFailure:
        raise _refused(ctx) from None
    shown = f",{local_port}" if local_port and _facts(ctx).usocr_shows_local_port else ""
    ctx.info(f"+USOCR: {made.number}{shown}")


async def connect(ctx: CommandContext) -> None:
    """AT+USOCO=<socket>,"<address or name>",<port>[,<1: asynchronous>].

    An attempt that fails answers ERROR, closes the socket and says so by +UUSOCL.
    """
    engine, one = _engine(ctx), _socket(ctx)
    host, port, later = ctx.text(1), _port(ctx, 2), ctx.integer(3, 0)
    if later not in (0, 1) or not host:
        raise _wrong(ctx)
    if isinstance(one, TcpSocket) and one.connecting is not None:
        engine.over(one, SocketError.ALREADY)  # a second +USOCO closes the socket
        raise Refusal.plain()
    if engine.connecting:
        engine.failure(SocketError.IN_PROGRESS, one)
        raise _refused(ctx)
    if later and isinstance(one, TcpSocket) and one.link is None:
        ctx.afterwards(lambda: engine.connect_later(one, host, port))
        return
    try:
        await engine.connect(one, host, port)
    except NetFailure:
        raise Refusal.plain() from None


async def listen(ctx: CommandContext) -> None:
    """AT+USOLI=<socket>,<port>."""
    one, port = _socket(ctx), _port(ctx, 1)
    try:
        _engine(ctx).listen(one, port)
    except NetFailure:
        raise _refused(ctx) from None


async def close(ctx: CommandContext) -> None:
    """AT+USOCL=<socket>[,<1: asynchronous>]; the host's own closing brings no +UUSOCL."""
    engine, one = _engine(ctx), _socket(ctx)
    later = ctx.integer(1, 0)
    if later not in (0, 1) or (ctx.given(1) and not _facts(ctx).usocl_asynchronous):
        raise _wrong(ctx)
    if later:
        ctx.afterwards(lambda: engine.close_later(one))
        return
    await engine.close(one)


async def _data(ctx: CommandContext, length_at: int) -> bytes:
    """The data of a write: behind the length, or asked for by the prompt."""
    facts, hexadecimal = _facts(ctx), _hex_mode(ctx)
    length, given = ctx.integer(length_at), ctx.given(length_at + 1)
    if not 1 <= length <= (WRITE_MAX_HEX if hexadecimal and given else WRITE_MAX):
        raise _wrong(ctx)
    if not given:
        settle = ctx.module.profile.serial.after_prompt_s.value
        taken = await ctx.payload("@", length, timeout_s=facts.payload_timeout_s, settle_s=settle)
        if taken is None:
            raise Refusal.plain()
        return taken
    text = ctx.text(length_at + 1)
    if hexadecimal:
        try:
            data = bytes.fromhex(text)
        except ValueError:
            raise _wrong(ctx) from None
        if len(text) != 2 * len(data):  # fromhex takes blanks
            raise _wrong(ctx)
    else:
        if FORBIDDEN & set(text):
            raise _wrong(ctx)
        data = text.encode("latin-1")
    if len(data) != length:
        raise _wrong(ctx)
    return data


async def write(ctx: CommandContext) -> None:
    """AT+USOWR=<socket>,<length>[,"<data>"].

    A full queue is a plain ERROR and the data is lost (LARA-R6 guide 5.3.3); after the peer's close nothing
    is sent and the length is 0 (5.5, fourth scenario).
    """
    engine, one = _engine(ctx), _socket(ctx)
    try:
        engine.writable(one)
    except NetFailure:
        raise _refused(ctx) from None
    data = await _data(ctx, 1)
    try:
        taken = engine.write(one, data)
    except NetFailure as failure:
        raise (Refusal.plain() if failure.number is SocketError.AGAIN else _refused(ctx)) from None
    prefix = "+USOST" if isinstance(one, UdpSocket) and _facts(ctx).usowr_on_udp_answers_usost else "+USOWR"
    ctx.info(f"{prefix}: {one.number},{taken}")


def _datagram_socket(ctx: CommandContext) -> UdpSocket:
    """The socket of +USOST and +USORF."""
    engine, one = _engine(ctx), _socket(ctx)
    if not isinstance(one, UdpSocket):
        engine.failure(SocketError.WRONG_TYPE, one)
        raise _refused(ctx)
    if one.peer is not None and _facts(ctx).udp_connect_excludes_usost:
        engine.failure(SocketError.CONNECTED, one)
        raise _refused(ctx)
    return one


async def send_to(ctx: CommandContext) -> None:
    """AT+USOST=<socket>,"<address or name>",<port>,<length>[,"<data>"]."""
    engine, one = _engine(ctx), _datagram_socket(ctx)
    host, port = ctx.text(1), _port(ctx, 2)
    try:
        peer = await engine.peer_of(one, host, port)
    except NetFailure:
        raise _refused(ctx) from None
    data = await _data(ctx, 3)
    try:
        engine.send_to(one, peer, data)
    except NetFailure as failure:
        raise (Refusal.plain() if failure.number is SocketError.AGAIN else _refused(ctx)) from None
    ctx.info(f"+USOST: {one.number},{len(data)}")


def _shown(ctx: CommandContext, data: bytes) -> str:
    """Data between quotation marks, or as hexadecimal digits of hex mode."""
    return data.hex().upper() if _hex_mode(ctx) else data.decode("latin-1")


def _count(ctx: CommandContext) -> int:
    count = ctx.integer(1)
    if not 0 <= count <= READ_MAX:
        raise _wrong(ctx)
    return count


async def read(ctx: CommandContext) -> None:
    """AT+USORD=<socket>,<length>; length 0 asks how much is unread."""
    engine, one = _engine(ctx), _socket(ctx)
    count = _count(ctx)
    if isinstance(one, UdpSocket) and one.peer is None and _facts(ctx).udp_connect_excludes_usost:
        engine.failure(SocketError.NOT_CONNECTED, one)
        raise _refused(ctx)
    if isinstance(one, TcpSocket) and one.link is None:
        engine.failure(SocketError.NOT_CONNECTED, one)
        raise _refused(ctx)
    if not count:
        ctx.info(f"+USORD: {one.number},{one.unread}")
        return
    if isinstance(one, TcpSocket):
        data = one.take(count)
    else:
        datagram = one.take(count)
        data = b"" if datagram is None else datagram.data
    ctx.info(f'+USORD: {one.number},{len(data)},"{_shown(ctx, data)}"')


async def read_from(ctx: CommandContext) -> None:
    """AT+USORF=<socket>,<length>: at most one datagram; length 0 asks how much is unread."""
    one = _datagram_socket(ctx)
    count = _count(ctx)
    if not count:
        ctx.info(f"+USORF: {one.number},{one.unread}")
        return
    datagram = one.take(count)
    peer, data = (Peer("", 0), b"") if datagram is None else (datagram.peer, datagram.data)
    ctx.info(f'+USORF: {one.number},"{peer.host}",{peer.port},{len(data)},"{_shown(ctx, data)}"')


async def control(ctx: CommandContext) -> None:
    """AT+USOCTL=<socket>,<what>: 0 type, 1 last error, 2 bytes sent, 3 bytes received, 4 peer, 10 TCP state,
    11 unacknowledged bytes; the last two of TCP sockets alone."""
    one, what = _socket(ctx), ctx.integer(1)
    value = _control_value(one, what)
    if value is None:
        raise _wrong(ctx) if what not in (0, 1, 2, 3, 4, 10, 11) else _refused(ctx)
    ctx.info(f"+USOCTL: {one.number},{what},{value}")


def _control_value(one: AnySocket, what: int) -> str | None:
    if isinstance(one, TcpSocket) and what in (10, 11):
        if what == 10:
            return str(int(one.state))
        return str(one.link.unacknowledged if one.link is not None else 0)
    if what == 4:
        peer = one.peer if isinstance(one, UdpSocket) else (one.link.remote if one.link is not None else None)
        return f'"{peer.host}",{peer.port}' if peer is not None else '"0.0.0.0",0'
    protocol = Protocols.TCP if isinstance(one, TcpSocket) else Protocols.UDP
    numbers = {0: int(protocol), 1: int(one.error), 2: one.sent, 3: one.received}
    return str(numbers[what]) if what in numbers else None


async def last_error(ctx: CommandContext) -> None:
    """AT+USOER: the error of the last socket operation that failed."""
    ctx.info(f"+USOER: {int(_engine(ctx).last_error)}")


async def option_set(ctx: CommandContext) -> None:
    """AT+USOSO=<socket>,<level>,<option>,<value>[,<value2>]."""
    engine, one = _engine(ctx), _socket(ctx)
    values = tuple(ctx.integer(index) for index in (3, 4) if ctx.given(index))
    if not set_option(one, (ctx.integer(1), ctx.integer(2)), values, _facts(ctx)):
        engine.failure(SocketError.NO_OPTION, one)
        raise _refused(ctx)


async def option_get(ctx: CommandContext) -> None:
    """AT+USOGO=<socket>,<level>,<option>."""
    engine, one = _engine(ctx), _socket(ctx)
    shown = get_option(one, (ctx.integer(1), ctx.integer(2)), _facts(ctx))
    if shown is None:
        engine.failure(SocketError.NO_OPTION, one)
        raise _refused(ctx)
    ctx.info(f"+USOGO: {shown}".rstrip())


async def direct(ctx: CommandContext) -> None:
    """AT+USODL=<socket>: CONNECT, data until +++ or until the socket is over, then DISCONNECT and OK."""
    engine, one = _engine(ctx), _socket(ctx)
    try:
        engine.writable(one)
    except NetFailure:
        raise _refused(ctx) from None
    link = DirectLink(engine, one)
    try:
        await ctx.data_mode("CONNECT", link)
    finally:
        link.closed()
    ctx.info("DISCONNECT")


async def system_option(ctx: CommandContext) -> None:
    """AT+USOCFG=<option>[,<value>]: stored, in force after a reboot (LARA-R6 guide 5; form guessed)."""
    settings = ctx.module.settings
    option, stored = str(ctx.integer(0)), settings.mapping(SYSTEM_OPTIONS)
    if ctx.given(1):
        settings.store(SYSTEM_OPTIONS, {**stored, option: ctx.integer(1)})
    else:
        ctx.info(f"{SYSTEM_OPTIONS}: {option},{stored.get(option, 0)}")


HANDLERS: Mapping[tuple[str, Form], Handler] = MappingProxyType({
    ("+USOCR", Form.SET): create,
    ("+USOCO", Form.SET): connect,
    ("+USOLI", Form.SET): listen,
    ("+USOCL", Form.SET): close,
    ("+USOWR", Form.SET): write,
    ("+USOST", Form.SET): send_to,
    ("+USORD", Form.SET): read,
    ("+USORF", Form.SET): read_from,
    ("+USOCTL", Form.SET): control,
    ("+USOER", Form.EXECUTE): last_error,
    ("+USOSO", Form.SET): option_set,
    ("+USOGO", Form.SET): option_get,
    ("+USODL", Form.SET): direct,
    ("+USOCFG", Form.SET): system_option,
})
