"""The MQTT client of the module: one profile, one session, one command at a time, messages that wait.

LENA-R8 guide 9.3.3, LARA-R6 guide 6, facts sheet internet 10. The protocol is paho-mqtt's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients import mqtt_paho
from cellbench.virtual.device.clients.command_turn import CommandTurn
from cellbench.virtual.device.clients.mqtt_model import (
    MQTT_CLASS,
    Code,
    Command,
    Ended,
    Failed,
    MqttProfile,
    Publication,
    Server,
    log_in_of,
)
from cellbench.virtual.device.clients.mqtt_paho import (
    Accepted,
    Acknowledged,
    Arrived,
    Event,
    PahoSession,
    PingAnswered,
    Violated,
)
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure, Stage, Stream, Wanted
from cellbench.virtual.front.faults import report_bug

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

PING_SHARE = 0.8  # LARA-R6 guide 6.6: after about 80 % of the keep alive time
_LOG_IN_KEY = 0  # no packet identifier


class MqttClient:
    """The client of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        mqtt_paho.check()
        self._module = module
        self._facts = module.config.behaviour
        self.profile = self.factory()
        self.error = (0, 0)
        self.unread: deque[Arrived] = deque(maxlen=self._facts.mqtt_unread)  # the oldest falls out
        self._turn: CommandTurn[Command] = CommandTurn()
        self._reader: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._session: PahoSession | None = None
        self._stream: Stream | None = None
        self._logged_in = False
        self._answers: dict[int, asyncio.Future[int | None]] = {}
        self._pinging = False
        self._ping_timer: asyncio.TimerHandle | None = None
        self._sent_at = 0.0

    # -- what the AT face asks ------------------------------------------------------------------------

    def factory(self) -> MqttProfile:
        """A profile with factory values."""
        return MqttProfile(self._module.config.imei, self._facts.mqtt_clean_session, Server(), Server())

    @property
    def busy(self) -> bool:
        """True while a command runs whose result has not been told."""
        return self._turn.running is not None

    @property
    def connected(self) -> bool:
        """True between log in and log out."""
        return self._logged_in

    def log_in(self) -> None:
        """Begin a session; +UUMQTTC: 1 tells the outcome."""
        self._start(Command.LOG_IN, self._log_in)

    def log_out(self) -> None:
        """End the session; +UUMQTTC: 0 tells the outcome."""
        self._start(Command.LOG_OUT, self._log_out)

    def publish(self, command: Command, what: Publication) -> None:
        """Send a message; the URC of ``command`` tells the outcome."""
        self._start(command, lambda: self._publish(what))

    def subscribe(self, topic_filter: str, shown: str, qos: int) -> None:
        """Ask for messages; the URC shows the filter as ``shown``."""
        self._start(Command.SUBSCRIBE, lambda: self._subscribe(topic_filter, shown, qos))

    def unsubscribe(self, topic_filter: str) -> None:
        """Ask for no more messages."""
        self._start(Command.UNSUBSCRIBE, lambda: self._unsubscribe(topic_filter))

    def ping(self, *, on: bool) -> None:
        """Start or stop the ping loop."""
        self._stop_pings()
        if on:
            self._pinging = True
            self._arm_ping()

    def announce(self) -> None:
        """Tell how many messages wait, if any do."""
        if self.unread:
            self._urc(f"{Command.READ.value},{len(self.unread)}")

    def power_off(self) -> None:
        """Everything ends without a word."""
        self._stop_pings()
        self._turn.cancel()
        if self._reader is not None:
            self._reader.cancel()

    # -- one command at a time ------------------------------------------------------------------------

    def _start(self, command: Command, work: Callable[[], Awaitable[str]]) -> None:
        self._turn.start(command, lambda: self._run(command, work))

    async def _run(self, command: Command, work: Callable[[], Awaitable[str]]) -> None:
        code, more = 0, ""
        try:
            async with asyncio.timeout(self._module.pace.patience(self._facts.mqtt_answer_s)):
                more = await work()
        except TimeoutError:
            code = int(Code.TIMEOUT)
        except Failed as failed:
            code = failed.code
        except OutwardFailure as failure:
            code = self._code(failure.stage)
        except Exception as error:  # the host is told, and the client goes on
            report_bug(self._module, f"MQTT {command.name}", error)
            code = self._facts.mqtt_code_protocol
        finally:
            self._answers.clear()
            self._turn.finish()
        if command is Command.LOG_OUT or (command is Command.LOG_IN and code):
            self._drop()
        self.error = (MQTT_CLASS, code) if code else (0, 0)
        shown = self._facts.mqtt_binary_urc if command is Command.PUBLISH_BINARY else command.value
        self._urc(f"{shown},{int(not code)}{more}")
        self._turn.release()

    def _code(self, stage: Stage) -> int:
        facts = self._facts
        return {Stage.CONTEXT: int(Code.NO_CONTEXT), Stage.NAME: facts.mqtt_code_connection,
                Stage.CONNECT: facts.mqtt_code_connection, Stage.LOST: facts.mqtt_code_connection,
                Stage.SECURE: facts.mqtt_code_secure}[stage]

    def _urc(self, text: str) -> None:
        self._module.urc(f"+UUMQTTC: {text}")

    # -- the commands ---------------------------------------------------------------------------------

    async def _log_in(self) -> str:
        profile = self.profile
        if not self._module.radio.registered:
            raise Failed(Code.NO_RADIO)
        if not profile.client_id and not profile.clean:
            raise Failed(Code.IDENTIFIER)  # no broker may take that (OASIS MQTT 3.1.1, 3.1.3-8)
        server = profile.server
        self._stream = stream = await self._module.subsystem(Outward).open(
            Wanted(server.host, server.port, profile.cid, profile.ipv6, profile.secure,
                   profile.security_profile))
        self._session = session = PahoSession(log_in_of(profile))
        self.unread.clear()
        self._reader = asyncio.ensure_future(self._read(stream, session))
        code = await self._answer(_LOG_IN_KEY)
        if code:
            raise Failed(code)
        self._logged_in = True
        return ""

    async def _log_out(self) -> str:
        session, stream = self._open()
        session.disconnect()
        self._flush()
        await stream.sent()
        return ""

    async def _publish(self, what: Publication) -> str:
        session, stream = self._open()
        number = session.publish(what.topic, what.payload, what.qos, retain=what.retain)
        if what.qos:
            await self._answer(number)
        else:
            self._flush()
            await stream.sent()
        return ""

    async def _subscribe(self, topic_filter: str, shown: str, qos: int) -> str:
        session, _ = self._open()
        granted = await self._answer(session.subscribe(topic_filter, qos))
        if granted is None:
            raise Failed(self._facts.mqtt_code_protocol)
        return f',{granted},"{shown}"'

    async def _unsubscribe(self, topic_filter: str) -> str:
        session, _ = self._open()
        await self._answer(session.unsubscribe(topic_filter))
        return ""

    def _open(self) -> tuple[PahoSession, Stream]:
        if self._session is None or self._stream is None:
            raise Failed(self._facts.mqtt_code_connection)
        return self._session, self._stream

    async def _answer(self, number: int) -> int | None:
        """Send what is due and await the broker's word on it."""
        answer: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._flush()
        return await answer

    # -- the connection -------------------------------------------------------------------------------

    def _flush(self) -> None:
        """What the session wants to send; the reader hears of a connection that is gone."""
        if self._session is None or self._stream is None:
            return
        data = self._session.outgoing()
        if not data:
            return
        self._sent_at = self._module.pace.now()
        self._module.contexts.traffic()
        try:
            self._stream.send(data)
        except OutwardFailure:
            return

    async def _read(self, stream: Stream, session: PahoSession) -> None:
        why = Ended.NETWORK
        try:
            while data := await stream.read():
                for event in session.receive(data):
                    if isinstance(event, Violated):
                        why = Ended.PROTOCOL
                    else:
                        self._take(event)
                self._flush()
                if why is Ended.PROTOCOL:
                    break
            else:
                why = self._ended_in_order()
        except OutwardFailure:
            why = Ended.NETWORK
        if session is self._session:
            self._lost(why)

    def _ended_in_order(self) -> Ended:
        """The broker closes in order what was silent for longer than its keep alive (3.1.2.10)."""
        keep_alive = self.profile.keep_alive_s
        silent = self._module.pace.now() - self._sent_at
        return Ended.INACTIVE if keep_alive and silent >= keep_alive else Ended.NETWORK

    def _take(self, event: Event) -> None:
        if isinstance(event, Accepted):
            self._settle(_LOG_IN_KEY, event.code)
        elif isinstance(event, Acknowledged):
            self._settle(event.number, event.granted)
        elif isinstance(event, Arrived):
            self.unread.append(event)
            self._turn.when_idle(self.announce)
        elif isinstance(event, PingAnswered) and self._pinging:
            self._arm_ping()

    def _settle(self, number: int, result: int | None) -> None:
        answer = self._answers.get(number)
        if answer is not None and not answer.done():
            answer.set_result(result)

    def _lost(self, why: Ended) -> None:
        """The session ended by itself."""
        code = (self._facts.mqtt_code_protocol if why is Ended.PROTOCOL
                else self._facts.mqtt_code_connection)
        was = self._logged_in
        self._drop()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Failed(code))
        if was and self._turn.running is not Command.LOG_OUT:
            self._turn.when_idle(lambda: self._told_lost(why, code))

    def _told_lost(self, why: Ended, code: int) -> None:
        self.error = (MQTT_CLASS, code)
        self._urc(f"0,{why.value}")

    def _drop(self) -> None:
        """No session any more; its connection ends in order where it still stands."""
        self._stop_pings()
        reader, self._reader = self._reader, None
        if reader is not None and reader is not asyncio.current_task():
            reader.cancel()
        stream, self._stream, self._session, self._logged_in = self._stream, None, None, False
        if stream is not None:
            linger = self._facts.mqtt_linger_s if self.profile.linger_s is None else self.profile.linger_s
            closing = asyncio.ensure_future(stream.close(float(linger)))
            self._closing.add(closing)
            closing.add_done_callback(self._closed)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled():
            closing.exception()  # a connection that breaks while it closes is closed

    # -- pings: true seconds, as the broker counts them too -------------------------------------------

    def _stop_pings(self) -> None:
        self._pinging = False
        if self._ping_timer is not None:
            self._ping_timer.cancel()
            self._ping_timer = None

    def _arm_ping(self) -> None:
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        due = self._sent_at + PING_SHARE * self.profile.keep_alive_s - self._module.pace.now()
        self._ping_timer = self._module.pace.later_true(max(due, 0.0), self._ping_due)

    def _ping_due(self) -> None:
        pace, keep_alive = self._module.pace, self.profile.keep_alive_s
        if pace.now() < self._sent_at + PING_SHARE * keep_alive - 0.001:
            self._arm_ping()  # something was sent meanwhile
        elif self._session is not None:
            self._session.ping()
            self._flush()
            self._ping_timer = pace.later_true(self._facts.mqtt_ping_answer_share * keep_alive,
                                               self._ping_failed)

    def _ping_failed(self) -> None:
        self._stop_pings()
        self._turn.when_idle(self._told_ping)

    def _told_ping(self) -> None:
        self.error = (MQTT_CLASS, int(Code.TIMEOUT))
        self._urc(f"{Command.PING.value},0")
