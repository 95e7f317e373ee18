"""The MQTT-SN client of the module: one profile, one session, one command at a time, messages that wait.

LENA-R8 guide 9.3.4, LARA-R6 guide 7, facts sheet internet 11; MQTT-SN 1.2 for the protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients import mqttsn_codec as codec
from cellbench.virtual.device.clients.command_turn import CommandTurn
from cellbench.virtual.device.clients.mqttsn_exchange import Exchanges
from cellbench.virtual.device.clients.mqttsn_link import GatewayLink
from cellbench.virtual.device.clients.mqttsn_model import (
    MQTTSN_CLASS,
    UNCONNECTED,
    Arrived,
    Code,
    Command,
    Ended,
    Failed,
    Gateway,
    MqttSnProfile,
    Publication,
)
from cellbench.virtual.device.clients.mqttsn_topics import Topic, Topics
from cellbench.virtual.device.clients.outward import OutwardFailure, Stage, Wanted
from cellbench.virtual.front.faults import report_bug

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module

PING_SHARE = 0.8  # as the MQTT client (LARA-R6 guide 6.6)


class MqttSnClient:
    """The client of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._facts = module.config.behaviour
        self.profile = self.factory()
        self.error = (0, 0)
        self.unread: deque[Arrived] = deque(maxlen=self._facts.mqttsn_unread)  # the oldest falls out
        self.topics = Topics()
        self._turn: CommandTurn[Command] = CommandTurn()
        self._link: GatewayLink | None = None
        self._connected = False
        self._exchanges = Exchanges(module.pace, self._facts, self._send)
        self._taken: set[int] = set()
        self._sent_at = 0.0
        self._ping: asyncio.Task[None] | None = None
        self._pong = asyncio.Event()
        module.contexts.on_change(self._context_changed)

    # -- what the AT face asks ------------------------------------------------------------------------

    def factory(self) -> MqttSnProfile:
        """A profile with factory values."""
        return MqttSnProfile(self._module.config.imei, self._facts.mqttsn_clean_session, Gateway(), Gateway())

    @property
    def busy(self) -> bool:
        """True while a command runs whose result has not been told."""
        return self._turn.running is not None

    @property
    def connected(self) -> bool:
        """True between connect and disconnect."""
        return self._connected

    def connect(self) -> None:
        """Begin a session; +UUMQTTSNC: 1 tells the outcome."""
        self._start(Command.CONNECT, self._connect)

    def disconnect(self) -> None:
        """End the session; +UUMQTTSNC: 0 tells the outcome."""
        self._start(Command.DISCONNECT, self._disconnect)

    def register(self, topic: bytes) -> None:
        """Ask for the id of a topic."""
        self._start(Command.REGISTER, lambda: self._register(topic))

    def publish(self, what: Publication) -> None:
        """Send a message, with QoS 3 without a session."""
        self._start(Command.PUBLISH, lambda: self._publish(what))

    def subscribe(self, topic: Topic, qos: int) -> None:
        """Ask for messages."""
        self._start(Command.SUBSCRIBE, lambda: self._subscribe(topic, qos))

    def unsubscribe(self, topic: Topic) -> None:
        """Ask for no more messages."""
        self._start(Command.UNSUBSCRIBE, lambda: self._unsubscribe(topic))

    def update_will_topic(self, topic: bytes, qos: int, *, retain: bool) -> None:
        """Another will topic for the running session."""
        self._start(Command.WILL_TOPIC, lambda: self._update_will(
            codec.update_will_topic(topic, qos, retain=retain), codec.WillTopicResp))

    def update_will_message(self, message: bytes) -> None:
        """Another will message for the running session."""
        self._start(Command.WILL_MESSAGE, lambda: self._update_will(
            codec.update_will_message(message), codec.WillMsgResp))

    def ping(self, *, on: bool) -> None:
        """Start or stop the pings that keep the session alive."""
        self._stop_pings()
        if on:
            self._ping = asyncio.ensure_future(self._keep_alive())

    def announce(self) -> None:
        """Tell how many messages wait, if any do."""
        if self.unread:
            self._urc(f"{Command.READ.value},{len(self.unread)}")

    def power_off(self) -> None:
        """Everything ends without a word."""
        self._turn.cancel()
        self._drop()

    # -- one command at a time ------------------------------------------------------------------------

    def _start(self, command: Command, work: Callable[[], Awaitable[str]]) -> None:
        self._turn.start(command, lambda: self._run(command, work))

    async def _run(self, command: Command, work: Callable[[], Awaitable[str]]) -> None:
        code, more = 0, ""
        try:
            more = await work()
        except TimeoutError:
            code = int(Code.TIMEOUT)
        except Failed as failed:
            code = failed.code
        except OutwardFailure as failure:
            code = self._code(failure.stage)
        except Exception as error:  # the host is told, and the client goes on
            report_bug(self._module, f"MQTT-SN {command.name}", error)
            code = self._facts.mqttsn_code_connection
        if command is Command.DISCONNECT or (command is Command.CONNECT and code):
            self._drop()
        self._turn.finish()
        self.error = (MQTTSN_CLASS, code) if code else (0, 0)
        self._urc(f"{command.value},{int(not code)}{more}")
        self._turn.release()

    def _code(self, stage: Stage) -> int:
        facts = self._facts
        return {Stage.CONTEXT: facts.mqttsn_code_context, Stage.NAME: facts.mqttsn_code_connection,
                Stage.CONNECT: facts.mqttsn_code_connection, Stage.LOST: facts.mqttsn_code_connection,
                Stage.SECURE: facts.mqttsn_code_secure}[stage]

    def _urc(self, text: str) -> None:
        self._module.urc(f"+UUMQTTSNC: {text}")

    # -- the commands ---------------------------------------------------------------------------------

    async def _open(self) -> GatewayLink:
        profile = self.profile
        if not self._module.radio.registered:
            raise Failed(Code.NO_RADIO)
        gateway = profile.gateway
        link = GatewayLink(self._module, self._heard, self._broken)
        try:
            async with asyncio.timeout(self._module.pace.patience(self._facts.mqttsn_open_s)):
                await link.open(Wanted(gateway.host, gateway.port, profile.cid, profile.ipv6, profile.secure,
                                       profile.security_profile))
        except BaseException:
            link.close()
            raise
        return link

    async def _connect(self) -> str:
        profile = self.profile
        self._link = await self._open()
        self.topics = Topics()
        self._taken.clear()
        self.unread.clear()
        datagram = codec.connect(profile.client_id.encode("latin-1"), profile.duration_s, clean=profile.clean,
                                 will=bool(profile.will_topic))
        answer = await self._exchanges.ask(datagram, codec.ConnAck)
        self._check(answer.code)
        self._connected = True
        return ""

    async def _disconnect(self) -> str:
        await self._exchanges.ask(codec.disconnect(), codec.Disconnect)
        return ""

    async def _register(self, topic: bytes) -> str:
        number = self._exchanges.number()
        answer = await self._exchanges.ask(codec.register(number, topic), codec.RegAck, number=number)
        self._check(answer.code)
        self.topics.learn(answer.topic_id, topic)
        return f",{answer.topic_id}"

    async def _publish(self, what: Publication) -> str:
        topic, qos = what.topic, what.qos
        number = self._exchanges.number() if qos in (1, 2) else 0

        def datagram(again: bool) -> bytes:
            return codec.publish(topic.kind, topic.number, number, what.payload, qos=qos, retain=what.retain,
                                 again=again)

        if qos == UNCONNECTED and self._link is None:
            link = await self._open()
            link.send(datagram(False))
            link.close()
        elif qos in (0, UNCONNECTED):
            self._send(datagram(False))
        elif qos == 1:
            answer = await self._exchanges.ask(datagram(False), codec.PubAck, number=number,
                                               again=datagram(True))
            self._check(answer.code)
        else:
            taken = await self._exchanges.ask(datagram(False), codec.PubRec, codec.PubAck, number=number,
                                              again=datagram(True))
            if isinstance(taken, codec.PubAck):  # QoS 2 is refused with PUBACK, too (5.4.13)
                self._check(taken.code or codec.NOT_SUPPORTED)
            await self._exchanges.ask(codec.release(number), codec.PubComp, number=number)
        return ""

    async def _subscribe(self, topic: Topic, qos: int) -> str:
        number = self._exchanges.number()
        first = codec.subscribe(number, topic.kind, topic.field, qos=qos)
        again = codec.subscribe(number, topic.kind, topic.field, qos=qos, again=True)
        answer = await self._exchanges.ask(first, codec.SubAck, number=number, again=again)
        self._check(answer.code)
        if topic.kind == codec.NORMAL and answer.topic_id:
            self.topics.learn(answer.topic_id, topic.field)
        third = answer.qos if topic.kind == codec.NORMAL and not self._facts.mqttsn_subscribed_type \
            else topic.kind
        return f",{third},{answer.topic_id}"

    async def _unsubscribe(self, topic: Topic) -> str:
        number = self._exchanges.number()
        await self._exchanges.ask(codec.unsubscribe(number, topic.kind, topic.field), codec.UnsubAck,
                                  number=number)
        return ""

    async def _update_will(self, datagram: bytes,
                           kind: type[codec.WillTopicResp] | type[codec.WillMsgResp]) -> str:
        answer: codec.WillTopicResp | codec.WillMsgResp = await self._exchanges.ask(datagram, kind)
        self._check(answer.code)
        return ""

    def _check(self, code: int) -> None:
        """A return code of the gateway."""
        if code:
            raise Failed(self._facts.mqttsn_code_gateway + code)

    # -- datagrams ------------------------------------------------------------------------------------

    def _send(self, datagram: bytes) -> None:
        if self._link is None:
            raise Failed(self._facts.mqttsn_code_connection)
        self._sent_at = self._module.pace.now()
        self._link.send(datagram)

    def _answer(self, datagram: bytes) -> None:
        """Say something that the gateway asked for."""
        if self._link is not None:
            self._send(datagram)

    # -- what the gateway says ------------------------------------------------------------------------

    def _heard(self, datagram: bytes) -> None:
        try:
            heard = codec.parse(datagram)
        except codec.NoMessage:
            return  # what is no message is as good as lost
        if self._exchanges.take(heard):
            return
        profile = self.profile
        match heard:
            case codec.WillTopicReq():
                self._answer(codec.will_topic(profile.will_topic.encode("latin-1"), profile.will_qos,
                                              retain=profile.will_retain))
            case codec.WillMsgReq():
                self._answer(codec.will_message(profile.will_message.encode("latin-1")))
            case codec.Register(topic_id, number, name):
                self.topics.learn(topic_id, name)
                self._answer(codec.registered(topic_id, number, codec.ACCEPTED))
            case codec.Publish():
                self._arrived(heard)
            case codec.PubRel(number):
                self._taken.discard(number)
                self._answer(codec.complete(number))
            case codec.PingReq():
                self._answer(codec.pong())
            case codec.PingResp():
                self._pong.set()
            case codec.Disconnect():
                self._lost(self._why())
            case _:
                pass  # an answer that nobody waits for any more

    def _arrived(self, message: codec.Publish) -> None:
        shown = self.topics.shown(message.topic_type, message.topic_id)
        if shown is None:
            self._answer(codec.published(message.topic_id, message.number, codec.INVALID_TOPIC))
            return
        again = message.qos == 2 and message.number in self._taken
        if message.qos == 1:
            self._answer(codec.published(message.topic_id, message.number))
        elif message.qos == 2:
            self._taken.add(message.number)
            self._answer(codec.received(message.number))
        if again:
            return
        self.unread.append(Arrived(message.topic_type, shown, message.qos, message.data))
        self._turn.when_idle(self.announce)

    # -- the end of a session -------------------------------------------------------------------------

    def _why(self) -> Ended:
        """The gateway ends what was silent for longer than its duration (6.11)."""
        silent = self._module.pace.now() - self._sent_at
        duration = self.profile.duration_s
        return Ended.INACTIVE if duration and silent >= duration else Ended.NETWORK

    def _context_changed(self, context: Context, active: bool) -> None:
        if not active and self._link is not None and self._link.cid == context.cid:
            self._lost(Ended.NETWORK)

    def _broken(self) -> None:
        if self._link is not None:
            self._lost(Ended.NETWORK)

    def _lost(self, why: Ended) -> None:
        """The session ended by itself."""
        was, code = self._connected, self._facts.mqttsn_code_connection
        self._drop()
        self._exchanges.fail(code)
        if was and self._turn.running is not Command.DISCONNECT:
            self._turn.when_idle(lambda: self._told_lost(why, code))

    def _told_lost(self, why: Ended, code: int) -> None:
        self.error = (MQTTSN_CLASS, code)
        self._urc(f"0,{why.value}")

    def _drop(self) -> None:
        """No session any more."""
        self._stop_pings()
        link, self._link, self._connected = self._link, None, False
        if link is not None:
            link.close()

    # -- pings: true seconds, as the gateway counts them too ------------------------------------------

    def _stop_pings(self) -> None:
        if self._ping is not None:
            self._ping.cancel()
            self._ping = None

    async def _keep_alive(self) -> None:
        """PINGREQ when nothing was sent for most of the duration (6.11)."""
        pace = self._module.pace
        while self._link is not None:
            due = self._sent_at + PING_SHARE * self.profile.duration_s - pace.now()
            if due > 0.001:
                await asyncio.sleep(due)
                continue
            self._pong.clear()
            try:
                await self._exchanges.repeat(codec.ping(), codec.ping(), self._pong.wait)
            except TimeoutError:
                self._ping = None
                self._turn.when_idle(self._told_ping)
                return

    def _told_ping(self) -> None:
        self.error = (MQTTSN_CLASS, int(Code.TIMEOUT))
        self._urc(f"{Command.PING.value},0")
