"""The guardian: one process per runtime directory that alone opens supplies and lines.

It listens on a unix socket, leases slots, and makes a slot safe when its lease ends for whatever reason.
It leaves when nobody is connected and nothing is leased for some seconds.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.base.errors import CellbenchError, FrameworkError
from cellbench.guardian import paths, protocol
from cellbench.guardian.errors import LeaseEnded, to_wire
from cellbench.guardian.gate import Gate
from cellbench.guardian.glance import glance
from cellbench.guardian.incident import Cause
from cellbench.guardian.leases import LeaseBook, SlotLease
from cellbench.guardian.locks import Owner
from cellbench.guardian.log import GuardianLog, read_incidents, utc_text
from cellbench.guardian.operations import Args, Operations, Result
from cellbench.guardian.plan import EquipmentPlan, SlotPlan
from cellbench.guardian.processes import ProcessMark, mark_process, user_name
from cellbench.guardian.prompts import PromptBook
from cellbench.guardian.protocol import Cancel, Request
from cellbench.guardian.radio import measure
from cellbench.guardian.state import StateFile
from cellbench.guardian.table import EquipmentTable

log = logging.getLogger(__name__)

IDLE_S = 5.0
_RECOVER_S = 2.5  # listens after this at the latest; slots that are not safe yet stay closed
_STOP_S = 5.0


@dataclass(eq=False, slots=True)
class _Client:
    """One connection; ``pid`` and ``uid`` are the kernel's word."""

    writer: asyncio.StreamWriter
    pid: int
    uid: int
    lease: SlotLease | None = None
    granting: bool = False
    tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    def send(self, message: dict[str, object]) -> None:
        """Queue one line; whoever hung up does not read it."""
        if not self.writer.is_closing():
            self.writer.write(protocol.encode(message))


class Guardian:
    """The server; `run` returns when it leaves."""

    def __init__(self, place: Path, locks: Path, *, idle_s: float = IDLE_S) -> None:
        self._place = place
        self._idle_s = idle_s
        self._log = GuardianLog(place)
        me = Owner(user_name(), os.getpid(), "", SYSTEM_CLOCK.utc_ns(), str(place))
        self._prompts = PromptBook(self._log)
        self._table = EquipmentTable(locks, me, self._log, self._prompts)
        self._gate = Gate()
        self._operations = Operations(self._gate, self._log)
        self._book = LeaseBook(self._table, StateFile(place), self._log, on_end=self._lease_ended)
        self._clients: set[_Client] = set()
        self._leave = asyncio.Event()
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Make safe what a dead guardian left, then serve until idle or told to leave."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is for runs; their leases tell
        self._log.write(f"guardian started, pid {os.getpid()}")
        await self._book.recover(_RECOVER_S)
        server = await asyncio.start_unix_server(self._serve, sock=self._listen(), limit=protocol.MAX_LINE)
        ready()
        self._watch_idle()
        await self._leave.wait()
        (self._place / paths.SOCKET).unlink(missing_ok=True)
        server.close()
        await self._make_all_safe()
        self._log.write(f"guardian leaves, pid {os.getpid()}")

    # -- connections ---------------------------------------------------------------------------

    def _listen(self) -> socket.socket:
        """The socket; the caller holds the directory's lock, so one that lies there is a dead guardian's.

        The directory stays open: the socket's address goes through its descriptor.
        """
        (self._place / paths.SOCKET).unlink(missing_ok=True)
        directory = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(paths.socket_in(directory))
        (self._place / paths.SOCKET).chmod(0o600)
        sock.setblocking(False)
        return sock

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid, _ = struct.unpack("3i", peer)
        client = _Client(writer, pid, uid)
        self._clients.add(client)
        try:
            while line := await reader.readline():
                self._take(client, protocol.parse_request(line))
        except (CellbenchError, ValueError, OSError) as error:  # ValueError: a line without end
            self._log.write(f"connection of pid {client.pid} dropped: {error}")
        finally:
            self._hung_up(client)

    def _take(self, client: _Client, message: Request | Cancel) -> None:
        if isinstance(message, Cancel):
            task = client.tasks.get(message.id)
            if task is not None:
                task.cancel()
            return
        task = asyncio.create_task(self._answer(client, message))
        client.tasks[message.id] = task
        task.add_done_callback(lambda _: client.tasks.pop(message.id, None))
        if client.lease is not None and self._operations.knows(message.op):
            lease = client.lease
            lease.tasks[message.id] = (message.op, task)
            task.add_done_callback(lambda _: lease.tasks.pop(message.id, None))

    async def _answer(self, client: _Client, request: Request) -> None:
        try:
            client.send({"id": request.id, "result": await self._do(client, request.op, request.args)})
        except asyncio.CancelledError:
            gone = LeaseEnded("given up")
            client.send({"id": request.id, "error": to_wire(gone)})
        except CellbenchError as error:
            client.send({"id": request.id, "error": to_wire(error)})
        except Exception as error:  # a mistake in here must not take the guardian down
            log.exception("operation %s", request.op)
            client.send(
                {"id": request.id, "error": to_wire(FrameworkError(f"guardian, {request.op}: {error!r}"))}
            )

    def _hung_up(self, client: _Client) -> None:
        self._clients.discard(client)
        if client.lease is not None:
            self._book.end(client.lease, Cause.CONNECTION_LOST)
        for task in tuple(client.tasks.values()):
            task.cancel()
        self._table.leave(client)
        client.writer.close()
        self._watch_idle()

    def _lease_ended(self, lease: SlotLease, cause: Cause) -> None:
        self._gate.let_go(lease)
        if cause is Cause.RELEASED:
            return
        for client in self._clients:
            if client.lease is lease:
                said = f"the guardian ended the lease of slot {lease.slot.name}: {cause.value}"
                client.send({"ended": {"cause": cause.value, "message": said}})
                client.writer.close()

    # -- operations ----------------------------------------------------------------------------

    async def _do(self, client: _Client, op: str, args: Args) -> Result:
        if self._operations.knows(op):
            if client.lease is None:
                raise FrameworkError(f"{op} without a lease")
            return await self._operations.run(client.lease, op, args)
        match op:
            case "hello":
                return {"version": protocol.VERSION, "pid": os.getpid()}
            case "enrol":
                plan = EquipmentPlan.from_json(cast(Args, args["equipment"]))
                found = await self._table.use_all(plan, client)
                return {"identities": {name: item.identity for name, item in found.items()}}
            case "look":
                plan = EquipmentPlan.from_json(cast(Args, args["equipment"]))
                seen = SlotPlan.from_json(cast(Args, args["slot"]))
                return await glance(seen, await self._table.use_all(plan, client))
            case "radio":
                plan = EquipmentPlan.from_json(cast(Args, args["equipment"]))
                (instrument,) = (await self._table.use_all(plan, client)).values()
                return await measure(instrument, args)
            case "lease":
                return await self._lease(client, args)
            case "release":
                return await self._release(client)
            case "state":
                return self._state()
            case "incidents":
                since = cast(int, args.get("since_utc_ns", 0))
                return {"incidents": [entry.to_json() for entry in read_incidents(self._place, since)]}
            case "ask" | "prompts" | "answer":
                return await self._prompting(op, args)
            case "leave":
                return self._told_to_leave(force=bool(args.get("force")))
        raise FrameworkError(f"the guardian knows no operation {op!r}")

    async def _prompting(self, op: str, args: Args) -> Result:
        if op == "ask":
            answers = tuple(map(str, cast(list[str], args["answers"])))
            within_s = cast(float, args["within_s"])
            return {"answer": await self._prompts.ask(str(args["question"]), str(args["about"]), answers,
                                                      within_s)}
        if op == "answer":
            return {"answer": self._prompts.answer(cast(int, args["number"]), str(args["text"]))}
        version = await self._prompts.after(cast(int, args["seen"]), cast(float, args["within_s"]))
        return {"version": version, "prompts": [prompt.to_json() for prompt in self._prompts.open()]}

    async def _lease(self, client: _Client, args: Args) -> Result:
        if client.lease is not None or client.granting:
            raise FrameworkError("one lease per connection")
        worker = mark_process(client.pid)
        if worker is None:
            raise LeaseEnded(f"process {client.pid} has ended")
        pid, started = cast(list[int], args["controller"])
        client.granting = True
        try:
            lease = await self._book.grant(
                SlotPlan.from_json(cast(Args, args["slot"])),
                EquipmentPlan.from_json(cast(Args, args["equipment"])),
                run=str(args["run"]),
                user=user_name(client.uid),
                worker=worker,
                controller=ProcessMark(pid, started),
            )
        finally:
            client.granting = False
        client.lease = lease
        if client not in self._clients:  # it hung up while the slot was made ready
            self._book.end(lease, Cause.CONNECTION_LOST)
        return {}

    async def _release(self, client: _Client) -> Result:
        if client.lease is not None:
            self._book.end(client.lease, Cause.RELEASED)
            await client.lease.ended.wait()
        return {}

    def _state(self) -> Result:
        return {
            "pid": os.getpid(),
            "instruments": [
                {"name": item.name, "equipment": item.key, "identity": item.identity}
                for item in self._table.instruments()
            ],
            "leases": [
                {
                    "slot": lease.slot.name,
                    "run": lease.held.run,
                    "user": lease.held.user,
                    "worker_pid": lease.held.worker_pid,
                    "controller_pid": lease.held.controller_pid,
                    "since": utc_text(lease.held.since_utc_ns),
                    "ending": lease.given_up.is_set(),
                    "powered": lease.powered,
                }
                for lease in self._book.leases
            ],
            "unsafe": [{"slot": held.slot.name, "run": held.run} for held in self._book.unsafe],
        }

    # -- leaving -------------------------------------------------------------------------------

    def _told_to_leave(self, *, force: bool) -> Result:
        if not force and self._book.busy():
            raise FrameworkError("slots are leased")
        self._leave.set()
        return {}

    def _watch_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._leave_if_idle)

    def _leave_if_idle(self) -> None:
        if self._clients or self._book.busy():
            self._watch_idle()
        else:
            self._leave.set()

    async def _make_all_safe(self) -> None:
        await self._book.end_all(Cause.GUARDIAN_STOPPED, _STOP_S)
        for client in tuple(self._clients):
            client.send(
                {"ended": {"cause": Cause.GUARDIAN_STOPPED.value, "message": "the guardian was stopped"}}
            )
            client.writer.close()
            self._table.leave(client)


def only_one(place: Path) -> int | None:
    """The lock of a runtime directory, held until it is closed; None when another guardian has it."""
    descriptor = os.open(place / "guardian.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
