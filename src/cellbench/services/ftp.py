"""The FTP server of the far side: pyftpdlib in a thread of its own, with explicit TLS where it has a
certificate.

pyftpdlib has an event loop of its own; what the servers' loop wants of it is put in a queue, and one byte
through a socket pair wakes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer as Acceptor

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.contexts import Prepared, server_context

from .ftp_handlers import SLOW_BYTES_S, Hub, authorizer_for, control_class
from .ftp_tree import Tree
from .places import Listening, bound, here
from .server import PLAIN_STATES, State
from .tls_settings import tls_settings

_JOIN_S = 10.0
_LOG = logging.getLogger(__name__)


class _Waker:
    """Brings actions into pyftpdlib's loop; has the face of one of its connections."""

    def __init__(self, loop: Any) -> None:
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._actions: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._fileno = self._inner.fileno()
        loop.register(self._fileno, self, loop.READ)

    def wake(self, action: Callable[[], None]) -> None:
        """Do ``action`` in the loop's thread; from any thread."""
        self._actions.put(action)
        self._outer.send(b"!")

    def readable(self) -> bool:
        """pyftpdlib's name."""
        return True

    def writable(self) -> bool:
        """pyftpdlib's name."""
        return False

    def handle_read_event(self) -> None:
        """pyftpdlib's name."""
        for _ in self._inner.recv(4096):
            self._actions.get_nowait()()

    def handle_close(self) -> None:
        """pyftpdlib's name; the pair ends with the loop alone."""

    def handle_error(self) -> None:
        """pyftpdlib's name."""
        _LOG.exception("an action failed in the FTP server's thread")

    def close(self) -> None:
        """Release the pair."""
        self._inner.close()
        self._outer.close()


class _Thread:
    """pyftpdlib's loop, running until it is ended."""

    def __init__(self) -> None:
        # pyftpdlib writes to stderr as long as nobody else takes what it logs
        logger = logging.getLogger("pyftpdlib")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
            logger.propagate = False
        self.loop: Any = IOLoop.factory()
        self._waker = _Waker(self.loop)
        self._thread = threading.Thread(target=self._serve, name="ftp server", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        """Run; a connection that raises where pyftpdlib does not expect it must not end all others."""
        while self.loop.socket_map:
            try:
                self.loop.loop()
            except Exception:
                _LOG.exception("the FTP server's loop goes on without its connections")
                self._drop_broken()

    def _drop_broken(self) -> None:
        for number, one in tuple(self.loop.socket_map.items()):
            if isinstance(one, FTPHandler | DTPHandler):
                with contextlib.suppress(Exception):
                    one.close()
                self.loop.unregister(number)

    async def do(self, action: Callable[[], None]) -> None:
        """Do ``action`` there; raises what it raised."""
        here_loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = here_loop.create_future()

        def settle(error: Exception | None) -> None:
            if not done.done():
                done.set_result(None) if error is None else done.set_exception(error)

        def within() -> None:
            failed: Exception | None = None
            try:
                action()
            except Exception as error:  # handed to whoever waits
                failed = error
            here_loop.call_soon_threadsafe(settle, failed)

        self._waker.wake(within)
        async with asyncio.timeout(_JOIN_S):
            await done

    def drop(self) -> None:
        """Close every connection and acceptor; to be called within."""
        for one in tuple(self.loop.socket_map.values()):
            if one is not self._waker:
                one.close()

    async def end(self) -> None:
        """Close everything and let the thread end."""
        self._waker.wake(self.loop.close)
        await asyncio.to_thread(self._thread.join, _JOIN_S)


class FtpServer:
    """FTP on one port, data ports beside it.

    ``definition``: ``users`` (name → password), ``files`` and ``dates`` (see :class:`Tree`), ``tls`` (then
    AUTH TLS is taken), ``passive_ports`` (first and last; any when left out), ``slow_bytes_s`` (the rate of
    data connections while ``slow``). A user may also log in as
    ``<name>+reuse``: the server then refuses data connections (522) that do not resume the control
    connection's TLS session.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        self._how: Listening = here()
        self._fixed = self._how.wanted(socket.SOCK_STREAM)
        self._port = self._fixed
        self._users = {str(name): str(word) for name, word in _mapping(definition, "users").items()}
        self._tls = tls_settings(definition)
        first_last = definition.get("passive_ports")
        if first_last is not None and not (isinstance(first_last, list) and len(first_last) == 2):
            raise ValueError("passive_ports: first and last are expected")
        self._ports = list(range(int(first_last[0]), int(first_last[1]) + 1)) if first_last else None
        self._files, self._dates = _mapping(definition, "files"), _mapping(definition, "dates")
        self._slow = int(str(definition.get("slow_bytes_s", SLOW_BYTES_S)))
        self._hub: Hub | None = None
        self._thread: _Thread | None = None
        self._acceptor: Any = None

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset; no-tls where there is TLS."""
        return PLAIN_STATES | {State.RESET} | ({State.NO_TLS} if self._tls else set())

    async def start(self) -> None:
        """Listen."""
        tree = Tree(self._files, self._dates)
        tree.reset()
        self._hub = Hub(tree, authorizer_for(self._users, tree), self._prepared(), self._slow)
        self._thread = _Thread()
        await self._listen()

    async def stop(self) -> None:
        """Close everything; the files are gone."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await thread.end()
        self._acceptor = None
        if self._hub is not None:
            self._hub.tree.remove()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends the connections, ``slow`` counts for new data connections."""
        thread, hub = self._running()
        if state is State.RESET:
            await thread.do(hub.tree.reset)
            state = State.UP
        hub.state = state
        if state is State.DOWN:
            self._acceptor = None
            await thread.do(thread.drop)
        else:
            await self._listen()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The control port, then the ports that wait for a data connection now."""
        ports = (self._port, *sorted(self._hub.passive)) if self._hub is not None else (self._port,)
        return tuple(Endpoint("tcp", self._how.host, port) for port in ports)

    def report(self) -> Mapping[str, str]:
        """The log of the last control connection, one command a number; facts of TLS."""
        if self._hub is None:
            return {}
        log = {str(number): line for number, line in enumerate(tuple(self._hub.log), 1)}
        return {**log, "connections": str(self._hub.connections), **self._hub.facts}

    def _prepared(self) -> Prepared | None:
        return server_context(self._tls) if self._tls is not None else None

    def _running(self) -> tuple[_Thread, Hub]:
        if self._thread is None or self._hub is None:
            raise ValueError("the FTP server is not started")
        return self._thread, self._hub

    async def _listen(self) -> None:
        """Accept, on the port of the last time if it is still free."""
        if self._acceptor is not None:
            return
        thread, hub = self._running()
        sock = bound(self._how.host, socket.SOCK_STREAM, self._port, fixed=bool(self._fixed))
        self._port = int(sock.getsockname()[1])
        handler = control_class(hub, self._ports)
        limits = self._how.guard.limits if self._how.guard is not None else None

        def open_it() -> None:
            acceptor = Acceptor(sock, handler, ioloop=thread.loop)
            if limits is not None:
                acceptor.max_cons = limits.connections
                acceptor.max_cons_per_ip = limits.connections_per_client
            self._acceptor = acceptor

        await thread.do(open_it)


def _mapping(definition: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = definition.get(key, {})
    if not isinstance(found, Mapping):
        raise ValueError(f"{key}: a mapping is expected")
    return found
