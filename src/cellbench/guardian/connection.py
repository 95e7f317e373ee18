"""One connection from a run to the guardian: requests that may overlap, and the news that it is gone.

A thread reads, so that an exception raised by a signal handler in the waiting thread can neither lose a
byte nor leave a reply to the wrong request. The socket is not inherited by programs that the run starts.
"""

from __future__ import annotations

import itertools
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import cast

from cellbench.base.errors import CellbenchError, FrameworkError
from cellbench.guardian import protocol
from cellbench.guardian.errors import GuardianLost, LeaseEnded, from_wire

log = logging.getLogger(__name__)

_Reply = Mapping[str, object] | CellbenchError


class Connection:
    """Requests over one socket; ``on_lost`` runs in the reading thread when the guardian died."""

    __slots__ = (
        "_closed",
        "_ended",
        "_lock",
        "_lost",
        "_numbers",
        "_on_lost",
        "_pid",
        "_sock",
        "_thread",
        "_waiting",
        "guardian_pid",
    )

    def __init__(self, sock: socket.socket, purpose: str, on_lost: Callable[[], None] | None = None) -> None:
        self.guardian_pid = 0
        self._sock = sock
        self._on_lost = on_lost
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[_Reply]] = {}
        self._lock = threading.Lock()
        self._ended: str | None = None
        self._lost = False
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._read, name=f"guardian {purpose}", daemon=True)
        self._thread.start()

    @property
    def hung_up(self) -> bool:
        """True when the guardian has hung up, or is gone."""
        return self._lost

    def request(self, op: str, args: Mapping[str, object], timeout_s: float) -> Mapping[str, object]:
        """Ask and wait for the answer; an exception from a signal handler gives the request up."""
        if os.getpid() != self._pid:
            raise FrameworkError("a guardian's connection was used by a child of the process that made it")
        number = next(self._numbers)
        answer: queue.SimpleQueue[_Reply] = queue.SimpleQueue()
        with self._lock:
            if self._lost or self._closed:
                raise self._gone()
            self._waiting[number] = answer
        try:
            self._send({"id": number, "op": op, "args": args})
            reply = answer.get(timeout=timeout_s)
        except queue.Empty:
            self._give_up(number)
            raise GuardianLost(
                f"the guardian (pid {self.guardian_pid}) did not answer {op!r} in {timeout_s:g} s",
                remedy="see guardian.log in its runtime directory",
            ) from None
        except BaseException:
            self._give_up(number)
            raise
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if isinstance(reply, CellbenchError):
            raise reply
        return reply

    def close(self) -> None:
        """Hang up; a lease of this connection ends with it."""
        self._closed = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("the guardian had hung up already")
        if threading.current_thread() is not self._thread and not self._lost:
            self._thread.join(timeout=2.0)
        self._sock.close()

    def _send(self, message: Mapping[str, object]) -> None:
        data = protocol.encode(message)
        try:
            with self._lock:
                self._sock.sendall(data)
        except OSError as error:
            raise self._gone() from error

    def _give_up(self, number: int) -> None:
        try:
            self._send({"cancel": number})
        except CellbenchError as error:
            log.debug("nobody left to cancel at: %s", error)

    def _gone(self) -> CellbenchError:
        if self._ended is not None:
            return LeaseEnded(self._ended)
        if self._closed:
            return LeaseEnded("the connection to the guardian was closed")
        return GuardianLost(
            f"the guardian (pid {self.guardian_pid}) is gone",
            remedy="its successor switches the slot off; see guardian.log in its runtime directory",
        )

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                data = self._sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(line)
        self._hung_up()

    def _take(self, line: bytes) -> None:
        message = protocol.decode(line)
        ended = message.get("ended")
        if isinstance(ended, dict):
            self._ended = str(ended.get("message"))
            return
        with self._lock:
            waiting = self._waiting.get(cast(int, message.get("id")))
        if waiting is None:
            return  # given up meanwhile
        error = message.get("error")
        waiting.put(
            from_wire(error)
            if isinstance(error, dict)
            else cast(Mapping[str, object], message.get("result") or {})
        )

    def _hung_up(self) -> None:
        with self._lock:
            self._lost = True
            waiting = tuple(self._waiting.values())
        for answer in waiting:
            answer.put(self._gone())
        if self._on_lost is not None and not self._closed and self._ended is None:
            self._on_lost()
