"""aiocoap without sockets: datagrams and streams of any place go in and out of its message layers.

The library's own servers open their sockets themselves, without a word on states, limits and TLS of this
room; its layers above are used as they are. That those still fit is tested with every release.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiocoap import Context, Message, error, interfaces
from aiocoap.messagemanager import MessageManager
from aiocoap.tokenmanager import TokenManager
from aiocoap.transports.tcp import TcpConnection, TCPServer

_LOG = "cellbench.services.coap"
Address = tuple[str, int]


class Peer(interfaces.EndpointAddress):  # type: ignore[misc]
    """A client that sends datagrams; equal to itself by address."""

    is_multicast = False
    is_multicast_locally = False
    scheme = "coap"  # as seen from above; what secures the datagrams is the place's affair

    def __init__(self, address: Address, send: Callable[[bytes], None],
                 hang_up: Callable[[], None]) -> None:
        self.address = address
        self.send = send
        self.hang_up = hang_up

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Peer) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    @property
    def hostinfo(self) -> str:
        """aiocoap's name."""
        return f"{self.address[0]}:{self.address[1]}"

    hostinfo_local = hostinfo

    @property
    def uri_base(self) -> str:
        """aiocoap's name."""
        return f"{self.scheme}://{self.hostinfo}"

    uri_base_local = uri_base

    @property
    def blockwise_key(self) -> Address:
        """aiocoap's name: blocks of one address belong together."""
        return self.address


class _Datagrams(interfaces.MessageInterface):  # type: ignore[misc]
    """What aiocoap's message manager sends through."""

    async def shutdown(self) -> None:
        """aiocoap's name: the place is closed by its owner."""

    def send(self, message: Message) -> None:
        """aiocoap's name."""
        message.remote.send(message.encode())

    async def determine_remote(self, message: Message) -> None:
        """aiocoap's name: a server asks nobody."""
        return

    async def recognize_remote(self, remote: object) -> bool:
        """aiocoap's name."""
        return isinstance(remote, Peer)


class _Streams(TCPServer):  # type: ignore[misc]
    """The connections of a server that does not listen itself."""

    async def shutdown(self) -> None:
        """aiocoap's name: connections are ended by their owner."""
        self._tokenmanager = None


class Stack:
    """One CoAP server's layers; ``site`` answers the requests."""

    def __init__(self, site: interfaces.Resource) -> None:
        logging.getLogger(_LOG).addHandler(logging.NullHandler())
        self._context = Context(serversite=site, loggername=_LOG)
        self._tokens = TokenManager(self._context)
        self._messages = MessageManager(self._tokens)
        self._tokens.token_interface = self._messages
        self._messages.message_interface = _Datagrams()
        tokens = TokenManager(self._context)
        self._streams = tokens.token_interface = _Streams()
        self._streams._tokenmanager = tokens
        self._streams.log = self._context.log
        self._context.request_interfaces += [self._tokens, tokens]

    def datagram(self, data: bytes, peer: Peer) -> bool:
        """One datagram came; False when it is no CoAP message."""
        try:
            message = Message.decode(data, remote=peer)
        except error.UnparsableMessage:
            return False
        self._messages.dispatch_message(message)
        return True

    def connection(self) -> TcpConnection:
        """The upper end of a fresh stream: an asyncio protocol."""
        made = TcpConnection(self._streams, self._context.log, self._context.loop, is_server=True)
        self._streams._pool.add(made)
        return made

    async def shutdown(self) -> None:
        """Forget every exchange; the stack is of no use afterwards."""
        await self._context.shutdown()
