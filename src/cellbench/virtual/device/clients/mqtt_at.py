"""+UMQTT, +UMQTTNV, +UMQTTC, +UMQTTER (LENA-R8 guide 9.3.3, LARA-R6 guide 6, facts sheet internet 10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from cellbench.catalogue.model import Form
from cellbench.virtual.device.clients.mqtt import MqttClient
from cellbench.virtual.device.clients.mqtt_model import Command, MqttProfile, Publication, Server, text_of
from cellbench.virtual.device.clients.mqtt_paho import Arrived
from cellbench.virtual.device.clients.stored_profile import exchange
from cellbench.virtual.device.files_at import file_store, refusals
from cellbench.virtual.front.context import CommandContext, Handlers, Refusal

_LISTED = (0, 2, 3, 4, 6, 7, 8, 9, 10, 11)
_STORED = "+UMQTTNV"
_LONGEST_NAME = 256
_LONGEST_SECRET = 512
_LONGEST_TOPIC = 256
_LONGEST_WILL = 256
_LONGEST_MESSAGE = 1024
_HEX_MESSAGE = 512
_LONGEST_KEEP_ALIVE_S = 65_535  # two bytes in CONNECT
_LONGEST_LINGER_S = 120


def _client(ctx: CommandContext) -> MqttClient:
    return ctx.module.subsystem(MqttClient)


def _wrong(ctx: CommandContext) -> Refusal:
    return Refusal.cme(ctx.module.config.behaviour.error_parameter)


def _string(ctx: CommandContext, index: int, longest: int) -> str:
    """Text for the protocol, as it came."""
    raw = ctx.text(index)
    try:
        text_of(raw)
    except ValueError:
        raise _wrong(ctx) from None
    if len(raw) > longest:
        raise _wrong(ctx)
    return raw


def _topic(ctx: CommandContext, index: int) -> str:
    """The name of a topic; wildcards are for filters."""
    topic = _string(ctx, index, _LONGEST_TOPIC)
    if not topic or "+" in topic or "#" in topic:
        raise _wrong(ctx)
    return topic


def _filter(ctx: CommandContext, index: int) -> str:
    """OASIS MQTT 3.1.1, 4.7.1: wildcards stand alone in their level, # in the last one."""
    topic = _string(ctx, index, _LONGEST_TOPIC)
    *before, last = topic.split("/")
    alone = all(level in ("#", "+") or not {"#", "+"} & set(level) for level in (*before, last))
    if not topic or "#" in before or not alone:
        raise _wrong(ctx)
    return topic


def _hexadecimal(ctx: CommandContext, digits: str, longest: int) -> bytes:
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise _wrong(ctx) from None
    if " " in digits or len(data) > longest:
        raise _wrong(ctx)
    return data


# -- +UMQTT -------------------------------------------------------------------------------------------


async def _configure(ctx: CommandContext) -> None:
    """AT+UMQTT=<op>[,<value>...]: reads one, sets one."""
    client, op = _client(ctx), ctx.integer(0)
    if not ctx.given(1):
        ctx.info(f"+UMQTT: {op},{_shown(client.profile, op)}")
        return
    if client.connected or client.busy:
        raise Refusal.cme(3)
    _SETTERS[op](ctx, client.profile)


async def _list(ctx: CommandContext) -> None:
    profile = _client(ctx).profile
    for op in _LISTED:
        ctx.info(f"+UMQTT: {op},{_shown(profile, op)}")


def _set_server(ctx: CommandContext, profile: MqttProfile) -> None:
    """A name or an address, with either operation; the one set last counts (facts sheet 10.1)."""
    server = Server(_string(ctx, 1, _LONGEST_NAME))
    if ctx.given(2):
        server.port = ctx.number(2, 1, 65_535)
    profile.last = ctx.integer(0)
    if profile.last == 2:
        profile.name = server
    else:
        profile.address = server


def _set_client_id(ctx: CommandContext, profile: MqttProfile) -> None:
    profile.client_id = _string(ctx, 1, _LONGEST_NAME)


def _set_user(ctx: CommandContext, profile: MqttProfile) -> None:
    user = _string(ctx, 1, _LONGEST_SECRET)
    profile.password = _string(ctx, 2, _LONGEST_SECRET) if ctx.given(2) else ""
    profile.user = user


def _set_will_qos(ctx: CommandContext, profile: MqttProfile) -> None:
    profile.will_qos = ctx.number(1, 0, 2)


def _set_will_retain(ctx: CommandContext, profile: MqttProfile) -> None:
    profile.will_retain = bool(ctx.number(1, 0, 1))


def _set_will_topic(ctx: CommandContext, profile: MqttProfile) -> None:
    profile.will_topic = _topic(ctx, 1) if ctx.text(1) else ""


def _set_will_message(ctx: CommandContext, profile: MqttProfile) -> None:
    text = ctx.text(1)
    if ctx.given(2) and ctx.number(2, 0, 1):
        text = _hexadecimal(ctx, text, _LONGEST_WILL).decode("latin-1")
    if len(text) > _LONGEST_WILL:
        raise _wrong(ctx)
    profile.will_message = text


def _set_keep_alive(ctx: CommandContext, profile: MqttProfile) -> None:
    keep_alive = ctx.number(1, 0, _LONGEST_KEEP_ALIVE_S)
    if ctx.given(2):
        if not ctx.module.config.behaviour.mqtt_linger_taken:
            raise _wrong(ctx)
        profile.linger_s = ctx.number(2, 0, _LONGEST_LINGER_S)
    profile.keep_alive_s = keep_alive


def _set_security(ctx: CommandContext, profile: MqttProfile) -> None:
    secure = bool(ctx.number(1, 0, 1))
    number = ctx.number(2, 0, 4) if ctx.given(2) else None
    if number is not None and not secure:
        raise _wrong(ctx)
    profile.secure, profile.security_profile = secure, number


def _set_clean(ctx: CommandContext, profile: MqttProfile) -> None:
    profile.clean = bool(ctx.number(1, 0, 1))


def _set_context(ctx: CommandContext, profile: MqttProfile) -> None:
    cid = ctx.number(1, 1, 11)
    ipv6 = bool(ctx.number(2, 0, 1)) if ctx.given(2) else False
    if ctx.module.config.behaviour.mqtt_context_choice:
        profile.cid, profile.ipv6 = cid, ipv6


_SETTERS: Mapping[int, Callable[[CommandContext, MqttProfile], None]] = MappingProxyType({
    0: _set_client_id, 2: _set_server, 3: _set_server, 4: _set_user, 6: _set_will_qos, 7: _set_will_retain,
    8: _set_will_topic, 9: _set_will_message, 10: _set_keep_alive, 11: _set_security, 12: _set_clean,
    20: _set_context,
})


def _shown(profile: MqttProfile, op: int) -> str:
    """A value as the read forms print it; the password never."""
    security = f",{profile.security_profile}" if profile.security_profile is not None else ""
    linger = f",{profile.linger_s}" if profile.linger_s is not None else ""
    values = {
        0: f'"{profile.client_id}"', 2: f'"{profile.name.host}",{profile.name.port}',
        3: f'"{profile.address.host}",{profile.address.port}', 4: f'"{profile.user}"',
        6: str(profile.will_qos), 7: str(int(profile.will_retain)), 8: f'"{profile.will_topic}"',
        9: f'{len(profile.will_message)},"{profile.will_message}"', 10: f"{profile.keep_alive_s}{linger}",
        11: f"{int(profile.secure)}{security}", 12: str(int(profile.clean)),
        20: f"{profile.cid or 1},{int(profile.ipv6)}",
    }
    return values[op]


# -- +UMQTTNV -----------------------------------------------------------------------------------------


async def _stored(ctx: CommandContext) -> None:
    """0 factory values, 1 from NVM, 2 to NVM; not during a session."""
    exchange(ctx, _client(ctx), _STORED, Server)


# -- +UMQTTC ------------------------------------------------------------------------------------------


async def _command(ctx: CommandContext) -> None:
    """AT+UMQTTC=<op>[,...]: OK at once, the outcome by +UUMQTTC."""
    client = _client(ctx)
    command = Command(ctx.integer(0))
    if client.busy:
        raise Refusal.cme(3)
    await _COMMANDS[command](ctx, client)


def _in_session(client: MqttClient) -> None:
    if not client.connected:
        raise Refusal.cme(3)


def _nothing_more(ctx: CommandContext, most: int) -> None:
    if len(ctx.call.args) > most:
        raise _wrong(ctx)


async def _log_out(ctx: CommandContext, client: MqttClient) -> None:
    _nothing_more(ctx, 1)
    _in_session(client)
    ctx.afterwards(client.log_out)


async def _log_in(ctx: CommandContext, client: MqttClient) -> None:
    _nothing_more(ctx, 1)
    if client.connected or not client.profile.server.host:
        raise Refusal.cme(3)
    ctx.afterwards(client.log_in)


async def _publish(ctx: CommandContext, client: MqttClient) -> None:
    """``2,<QoS>,<retain>,<0 text, 1 hexadecimal>,"<topic>","<message>"``."""
    qos, retain, topic = ctx.number(1, 0, 2), ctx.number(2, 0, 1), _topic(ctx, 4)
    if ctx.number(3, 0, 1):
        payload = _hexadecimal(ctx, ctx.text(5), _HEX_MESSAGE)
    else:
        payload = ctx.text(5).encode("latin-1")
    _send(ctx, client, Command.PUBLISH, Publication(text_of(topic), payload, qos, bool(retain)))


async def _publish_file(ctx: CommandContext, client: MqttClient) -> None:
    """``3,<QoS>,<retain>,"<topic>","<file>"``."""
    _nothing_more(ctx, 5)
    qos, retain, topic = ctx.number(1, 0, 2), ctx.number(2, 0, 1), _topic(ctx, 3)
    with refusals():
        payload = file_store(ctx.module).read(ctx.text(4))
    _send(ctx, client, Command.PUBLISH_FILE, Publication(text_of(topic), payload, qos, bool(retain)))


async def _publish_binary(ctx: CommandContext, client: MqttClient) -> None:
    """``9,<QoS>,<retain>,"<topic>",<length>``, then the bytes."""
    _nothing_more(ctx, 5)
    qos, retain, topic = ctx.number(1, 0, 2), ctx.number(2, 0, 1), _topic(ctx, 3)
    size = ctx.number(4, 1, _LONGEST_MESSAGE)
    _in_session(client)
    facts = ctx.module.config.behaviour
    payload = await ctx.payload(">", size, timeout_s=facts.mqtt_input_timeout_s)
    if payload is None:
        raise Refusal.cme(facts.mqtt_input_error)
    if client.busy:  # by a command of another port
        raise Refusal.cme(3)
    _send(ctx, client, Command.PUBLISH_BINARY, Publication(text_of(topic), payload, qos, bool(retain)))


def _send(ctx: CommandContext, client: MqttClient, command: Command, what: Publication) -> None:
    _in_session(client)
    ctx.afterwards(lambda: client.publish(command, what))


async def _subscribe(ctx: CommandContext, client: MqttClient) -> None:
    """``4,<highest QoS>,"<filter>"``."""
    _nothing_more(ctx, 3)
    qos, topic = ctx.number(1, 0, 2), _filter(ctx, 2)
    _in_session(client)
    ctx.afterwards(lambda: client.subscribe(text_of(topic), topic, qos))


async def _unsubscribe(ctx: CommandContext, client: MqttClient) -> None:
    """``5,"<filter>"``."""
    _nothing_more(ctx, 2)
    topic = _filter(ctx, 1)
    _in_session(client)
    ctx.afterwards(lambda: client.unsubscribe(text_of(topic)))


async def _read(ctx: CommandContext, client: MqttClient) -> None:
    """``6[,<n>][,<1 = hexadecimal>]``: with n = 1 one message, else all."""
    _nothing_more(ctx, 3)
    one = ctx.given(1) and ctx.number(1, 0, 1) == 1
    hexadecimal = ctx.given(2) and bool(ctx.number(2, 0, 1))
    if not client.unread and ctx.module.config.behaviour.mqtt_read_empty_refused:
        raise Refusal.cme(3)
    for _ in range(1 if one and client.unread else len(client.unread)):
        ctx.info(_message(client.unread.popleft(), hexadecimal=hexadecimal))
    ctx.afterwards(client.announce)


def _message(message: Arrived, *, hexadecimal: bool) -> str:
    topic, payload = message.topic.decode("latin-1"), message.payload.decode("latin-1")
    shown = message.payload.hex().upper() if hexadecimal else payload
    return (f"+UMQTTC: 6,{message.qos},{len(topic) + len(payload)},{len(topic)},\"{topic}\","
            f"{len(payload)},\"{shown}\"")


async def _ping(ctx: CommandContext, client: MqttClient) -> None:
    """``8,<0/1>``: needs a keep alive time."""
    _nothing_more(ctx, 2)
    on = bool(ctx.number(1, 0, 1))
    _in_session(client)
    if on and not client.profile.keep_alive_s:
        raise Refusal.cme(3)
    client.ping(on=on)


_COMMANDS: Mapping[Command, Callable[[CommandContext, MqttClient], Awaitable[None]]] = MappingProxyType({
    Command.LOG_OUT: _log_out, Command.LOG_IN: _log_in, Command.PUBLISH: _publish,
    Command.PUBLISH_FILE: _publish_file, Command.SUBSCRIBE: _subscribe, Command.UNSUBSCRIBE: _unsubscribe,
    Command.READ: _read, Command.PING: _ping, Command.PUBLISH_BINARY: _publish_binary,
})


async def _error(ctx: CommandContext) -> None:
    kind, code = _client(ctx).error
    ctx.info(f"+UMQTTER: {kind},{code}")


HANDLERS: Handlers = {
    ("+UMQTT", Form.SET): _configure, ("+UMQTT", Form.READ): _list, ("+UMQTTNV", Form.SET): _stored,
    ("+UMQTTC", Form.SET): _command, ("+UMQTTER", Form.EXECUTE): _error,
}
