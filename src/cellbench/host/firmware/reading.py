"""Reading what a module holds of a user's data, without changing it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from cellbench.base.clock import Deadline
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.catalogue.preservation import CALIBRATION_WHY, SETTINGS, UNREADABLE, Item, StoredSetting
from cellbench.host.answer import Answer
from cellbench.host.certificates import Certificates
from cellbench.host.channel import Channel
from cellbench.host.errors import AtError, CmeError, CmsError
from cellbench.host.files import Files
from cellbench.wire.at.values import Fields, fields_of, prefix_of

_BUSY = frozenset({14, 256, 314})  # the SIM is not ready yet (27.007 9.2, 27.005 3.2.5); 256: u-blox
_BUSY_S = 15.0
_POLL_S = 0.2
_STORE = "ME"


@dataclass(frozen=True, slots=True)
class Mark:
    """One entry of a fingerprint: the fields that count. ``factory``: where the profile has the value at
    delivery."""

    values: tuple[str, ...]
    factory: str = ""

    @property
    def text(self) -> str:
        """The fields as a report prints them."""
        return ",".join(self.values)


Marks: TypeAlias = Mapping[Item, Mapping[str, Mark]]
Unread: TypeAlias = Mapping[tuple[Item, str], str]


class _Sheet:
    """What is being gathered."""

    def __init__(self) -> None:
        self.marks: dict[Item, dict[str, Mark]] = {}
        self.unread: dict[tuple[Item, str], str] = {}

    def put(self, item: Item, name: str, *values: object, factory: str = "") -> None:
        self.marks.setdefault(item, {})[name] = Mark(tuple(str(value) for value in values), factory)

    @contextmanager
    def item(self, item: Item, name: str = "") -> Iterator[None]:
        """A refusal inside the block makes the item, or this entry of it, one that cannot be read."""
        try:
            yield
        except AtError as refused:
            self.unread[item, name] = f"{refused.command} is refused"
        else:
            self.marks.setdefault(item, {})


def read_all(channel: Channel, calibration: Callable[[Channel], str] | None,
             longest_file: int | None) -> tuple[Marks, Unread]:
    """Every item of a module that answers AT; what it refuses is among the unread."""
    sheet = _Sheet()
    _files(channel, sheet, longest_file)
    _profile(channel, sheet)
    _settings(channel, sheet)
    _certificates(channel, sheet)
    with sheet.item(Item.CALIBRATION):
        if calibration is None:
            sheet.unread[Item.CALIBRATION, ""] = CALIBRATION_WHY
        else:
            sheet.put(Item.CALIBRATION, "probe", _digest(calibration(channel).encode()))
    with sheet.item(Item.SMS):
        _messages(channel, sheet)
    return sheet.marks, sheet.unread


def _files(channel: Channel, sheet: _Sheet, longest: int | None) -> None:
    files = Files(channel)
    with sheet.item(Item.FILES):
        for name in files.list():
            with sheet.item(Item.FILES, name):
                size = files.size(name)
                known = [_digest(files.get(name))] if longest is None or size <= longest else []
                sheet.put(Item.FILES, name, f"{size} bytes", *known)


def _profile(channel: Channel, sheet: _Sheet) -> None:
    if "+UMNOPROF" in channel.profile.unsupported:
        for item in (Item.PROFILE, Item.PROFILES):
            sheet.unread[item, ""] = f"{channel.profile.series.value} has no +UMNOPROF to ask with"
        return
    with sheet.item(Item.PROFILE):
        chosen = channel.send("AT+UMNOPROF?").value("+UMNOPROF")[0]
        sheet.put(Item.PROFILE, "chosen", chosen, factory="+UMNOPROF")
    with sheet.item(Item.PROFILES):
        sheet.put(Item.PROFILES, "offered", *channel.send("AT+UMNOPROF=?").info)


def _settings(channel: Channel, sheet: _Sheet) -> None:
    profile = channel.profile
    sheet.marks[Item.SETTINGS] = {}
    for one in SETTINGS:
        if one.command not in profile.unsupported:
            try:
                _setting(channel.send(one.question), one, profile, sheet)
            except AtError:
                # LENA-R8 refuses to show a greeting that is off; a variant may lack a configuration.
                sheet.put(Item.SETTINGS, one.name, "refused")
    for command, why in UNREADABLE.items():
        if command not in profile.unsupported:
            sheet.unread[Item.SETTINGS, command] = why


def _setting(answer: Answer, one: StoredSetting, profile: ModuleProfile, sheet: _Sheet) -> None:
    """Each line of the answer that carries values; some have no prefix of their own (+UGPIOC)."""
    for line in answer.info:
        fields = fields_of(line)
        if not fields or prefix_of(line) not in ("", one.command):
            continue
        key, rest = fields[:one.keys], fields[one.keys:]
        if one.own_contexts and key[0] not in profile.bearers.user_cids.value:
            continue
        chosen = [rest[place] for place in one.fields if place < len(rest)] if one.fields else rest
        sheet.put(Item.SETTINGS, _named(one, key), *("" if value is None else value for value in chosen),
                  factory=one.factory or one.command)


def _named(one: StoredSetting, key: Fields) -> str:
    """The setting's name, with what says which of several it is."""
    several = one.keys and one.question.endswith("?")
    return f"{one.name} {','.join(str(part) for part in key)}" if several else one.name


def _certificates(channel: Channel, sheet: _Sheet) -> None:
    store = Certificates(channel)
    with sheet.item(Item.CERTIFICATES):
        for one in store.list():
            name = f"{one.kind.name.lower()} {one.name}"
            with sheet.item(Item.CERTIFICATES, name):
                sheet.put(Item.CERTIFICATES, name, f"md5 {store.md5(one.kind, one.name)}")


def _messages(channel: Channel, sheet: _Sheet) -> None:
    """The messages in the module's own store: how many, and a digest of each PDU without its state."""
    stores = _when_ready(channel, "AT+CPMS?").value("+CPMS")
    form = channel.send("AT+CMGF?").value("+CMGF")[0]
    if stores[0] != _STORE:
        channel.send(f'AT+CPMS="{_STORE}"')
        stores_now = channel.send("AT+CPMS?").value("+CPMS")
    else:
        stores_now = stores
    try:
        if form != 0:
            channel.send("AT+CMGF=0")
        if stores_now[1]:
            sheet.put(Item.SMS, f"number in {_STORE}", stores_now[1])
        place = ""
        for line in channel.send("AT+CMGL=4").info:
            if prefix_of(line) == "+CMGL":
                place = str(fields_of(line)[0])
            elif place:
                sheet.put(Item.SMS, f"{_STORE} {place}", _digest(line.strip().upper().encode()))
                place = ""
    finally:
        if form != 0:
            channel.send(f"AT+CMGF={form}")
        if stores[0] != _STORE:
            channel.send(f'AT+CPMS="{stores[0]}"')


def _when_ready(channel: Channel, line: str) -> Answer:
    """Ask again while the SIM is still starting."""
    deadline = Deadline.after(_BUSY_S)
    while True:
        try:
            return channel.send(line)
        except (CmeError, CmsError) as refused:
            if refused.number not in _BUSY or deadline.expired:
                raise
        channel.wait_until(lambda: False, _POLL_S)


def _digest(data: bytes) -> str:
    """MD5, as the module's own sums are: a name for a content, no protection."""
    return f"md5 {hashlib.md5(data, usedforsecurity=False).hexdigest()}"
