"""+USOSEC: TLS or DTLS on a socket that is not yet connected (LARA-R6 guide 5.11, facts sheet internet 7)."""

from __future__ import annotations

from cellbench.catalogue.model import Form
from cellbench.virtual.device.sockets_engine import SocketEngine
from cellbench.virtual.device.sockets_model import TcpSocket, UdpSocket
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal
from cellbench.virtual.net.failure import NetFailure


async def _secure(ctx: CommandContext) -> None:
    """AT+USOSEC=<socket>[,<0, 1>[,<security profile>]]; the socket alone reads it."""
    facts = ctx.module.config.behaviour
    try:
        one = ctx.module.subsystem(SocketEngine).get(ctx.integer(0))
    except NetFailure:
        raise Refusal.cme(facts.socket_refusal) from None
    if not ctx.given(1):
        shown = "" if one.profile is None else f",{one.profile}"
        ctx.info(f"+USOSEC: {one.number},{int(one.secure)}{shown}")
        return
    on = bool(ctx.integer(1))
    if isinstance(one, TcpSocket):
        begun = one.link is not None or one.acceptor is not None or one.connecting is not None
    else:
        begun = one.peer is not None
    if begun or (on and isinstance(one, UdpSocket) and not facts.usosec_dtls):
        raise Refusal.cme(facts.socket_refusal)
    one.secure = on
    one.profile = ctx.integer(2) if on and ctx.given(2) else None


HANDLERS: Handlers = {("+USOSEC", Form.SET): _secure}
