"""Secure connections of the module: how many at once, by which profile, and what the host is told.

LENA-R8 guide 9.1.3: four at once. LARA-R6 guide 3.4: session data comes with every secure connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from cellbench.io.tls.engine import Failure, Opened, TlsEngine, client
from cellbench.io.tls.sessions import Session
from cellbench.io.tls.settings import ClientSettings, Version
from cellbench.virtual.device.security import Kind, SecurityProfiles
from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.route import Peer
from cellbench.virtual.net.secure import SecureDatagrams, SecureFailure, SecureLink
from cellbench.virtual.net.tcp import TcpLink

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.device.sockets_model import UdpSocket

_TICKET_WAIT_S = 0.5  # true seconds: a server sends its tickets right behind its Finished


class SecureConnections:
    """All secure connections of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._open: set[object] = set()

    def power_off(self) -> None:
        """The connections below end by themselves."""
        self._open.clear()

    async def over_tcp(self, link: TcpLink, profile: int | None, *,
                       session: Session | None = None) -> SecureLink:
        """TLS over a fresh connection; SecureFailure or NetFailure when it fails, the connection gone.

        ``session``: offered in place of the profile's; the host is told nothing of what comes of it.
        """
        try:
            engine = self._engine(profile, datagram=False, session=session)
        except SecureFailure:
            link.abort()
            raise
        secure = SecureLink(link, engine, self._open.discard)
        self._open.add(secure)
        opened = await secure.handshake()
        if session is not None:
            return secure
        if self._wants_ticket(profile, opened):
            try:
                await secure.ticket_came(_TICKET_WAIT_S)
            except BaseException:  # whoever waited has given up: one of the four is free again
                secure.abort()
                raise
        self._tell(profile, engine)
        return secure

    async def over_udp(self, profile: int | None, begun: Callable[[SecureDatagrams], None],
                       out: Callable[[bytes], None], deliver: Callable[[bytes], None],
                       failed: Callable[[SocketError], None], *,
                       settings: ClientSettings | None = None) -> SecureDatagrams:
        """DTLS to one peer; ``begun`` gets it before the first datagram. SecureFailure when it fails.

        ``settings``: those of a client that has its own in place of a profile; it is none of the user's four.
        """
        if not self._module.config.behaviour.dtls:
            raise SecureFailure(Failure.VERSION, "this series has no DTLS")
        engine = client(settings) if settings is not None else self._engine(profile, datagram=True)
        secure = SecureDatagrams(engine, out, deliver, failed)
        if settings is None:
            self._open.add(secure)
        begun(secure)
        try:
            await secure.handshake()
        except BaseException:
            self._open.discard(secure)
            raise
        self._tell(profile, secure.engine)
        return secure

    async def over_socket(self, one: UdpSocket, peer: Peer, failed: Callable[[SocketError], None]) -> None:
        """DTLS between a UDP socket and its peer; SecureFailure or NetFailure when it fails."""

        def begun(dtls: SecureDatagrams) -> None:
            one.dtls = dtls

        port = one.port
        if port is None:
            raise NetFailure(SocketError.INVALID)
        one.peer = peer
        await self.over_udp(one.profile, begun, lambda data: port.send(data, peer),
                            lambda data: one.deliver(data, peer), failed)

    def over(self, secure: SecureDatagrams) -> None:
        """A DTLS connection has ended."""
        self._open.discard(secure)

    def _engine(self, profile: int | None, *, datagram: bool, session: Session | None = None) -> TlsEngine:
        if len(self._open) >= self._module.config.behaviour.tls_connections:
            raise SecureFailure(Failure.PROTOCOL, "all secure connections are in use")
        settings = self._module.subsystem(SecurityProfiles).client_settings(profile, datagram=datagram)
        if session is not None:
            settings = replace(settings, session=session)
        try:
            return client(settings)
        except ValueError as error:
            raise SecureFailure(Failure.SUITE, str(error)) from None

    def _wants_ticket(self, profile: int | None, opened: Opened) -> bool:
        if profile is None or opened.version is not Version.TLS_1_3:
            return False
        resumption = self._module.subsystem(SecurityProfiles)[profile].resumption
        return resumption.enabled and resumption.kind in (Kind.PSK_TICKET, Kind.PSK_TICKET_LOCAL)

    def _tell(self, profile: int | None, engine: TlsEngine) -> None:
        """The URCs of session resumption, and the data that the host may read."""
        if profile is None:
            return
        profiles = self._module.subsystem(SecurityProfiles)
        resumption = profiles[profile].resumption
        if not resumption.enabled or resumption.kind is None:
            return
        session = engine.session()
        texts = profiles.texts_of(resumption.kind, session) if session is not None else None
        if texts is not None:
            resumption.texts = texts
        if not resumption.kind.by_id:
            self._module.urc(f"+UUSECPRF: {profile},13,0,{1 if texts is None else 2}")
        elif texts is not None:
            self._module.urc(f"+UUSECPRF: {profile},13,1,{int(resumption.kind)}")
            self._module.urc(f"+UUSECPRF: {profile},13,{resumption.kind.tag},{','.join(texts)}")
