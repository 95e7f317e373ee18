"""Fingerprints of a user's data, on a virtual module of each series and against answers of 27.005."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import pytest

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.preservation import Fate, Item, Preservation
from cellbench.catalogue.sources import guess, r8_guide, sibling
from cellbench.host.certificates import CertificateKind, Certificates
from cellbench.host.channel import Channel
from cellbench.host.files import Files
from cellbench.host.firmware import fingerprint as subject
from cellbench.host.firmware.fingerprint import (
    Agreement,
    Change,
    Difference,
    Fingerprint,
    compare,
    fingerprint_of,
    rows_of,
    table,
)
from cellbench.host.firmware.model import Method
from cellbench.host.firmware.reading import Mark

from ..conftest import Peer
from ..rack import Module

CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
R8, R6 = Series.LENA_R8, Series.LARA_R6


def made(series: Series = R8, unread: dict[tuple[Item, str], str] | None = None,
         **items: dict[str, str]) -> Fingerprint:
    """A fingerprint of these items; all others are there and empty."""
    marks = {item: {name: Mark(tuple(text.split(",")), "+UPSV" if name == "power" else "")
                    for name, text in items.get(item.name.lower(), {}).items()} for item in Item}
    return Fingerprint(series, "1", marks, unread or {})


def only(differences: tuple[Difference, ...], item: Item) -> Difference:
    found = [one for one in differences if one.item is item]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(("before", "after", "change", "kept", "wiped"), [
    ({"a": "1"}, {"a": "1"}, Change.KEPT, Agreement.AS_TOLD, Agreement.DIFFERS),
    ({"a": "1"}, {"a": "2"}, Change.CHANGED, Agreement.DIFFERS, Agreement.DIFFERS),
    ({"a": "1"}, {}, Change.LOST, Agreement.DIFFERS, Agreement.AS_TOLD),
    ({}, {"a": "1"}, Change.NEW, Agreement.NOT_TOLD, Agreement.NOT_TOLD),
    ({}, {}, Change.NONE, Agreement.NOT_TOLD, Agreement.NOT_TOLD),
])
def test_every_change_against_what_is_told(before: dict[str, str], after: dict[str, str], change: Change,
                                           kept: Agreement, wiped: Agreement) -> None:
    """LENA-R8 says that files are kept (guide), LARA-R6's relative that +UFWUPD wipes them."""
    for series, agrees in ((R8, kept), (R6, wiped)):
        found = only(compare(made(series, files=before), made(series, files=after), Method.FOAT), Item.FILES)
        assert (found.change, found.agrees) == (change, agrees)
        assert found.fails is (series is R8 and agrees is Agreement.DIFFERS)


@pytest.mark.parametrize(("before", "after", "agrees"), [
    ("3", "0", Agreement.AS_TOLD),  # 0 is the value at delivery
    ("0", "0", Agreement.AS_TOLD),
    ("3", "3", Agreement.DIFFERS),
    ("3", "2", Agreement.DIFFERS),
])
def test_settings_at_delivery_again(before: str, after: str, agrees: Agreement) -> None:
    one, other = made(R6, settings={"power": before}), made(R6, settings={"power": after})
    found = only(compare(one, other, Method.SERIAL, profile=profile_for(R6)), Item.SETTINGS)
    assert found.agrees is agrees
    assert not found.fails


def test_a_value_at_delivery_that_nobody_knows() -> None:
    """Kept says nothing: it may have been the value at delivery. Changed or gone is what the source says."""
    one = made(R6, settings={"context 4": "IP,a", "eDRX 4": "0"})
    other = made(R6, settings={"eDRX 4": "0"})
    found = {each.name: each.agrees for each in compare(one, other, Method.HTTP, profile=profile_for(R6))
             if each.item is Item.SETTINGS}
    assert found == {"context 4": Agreement.AS_TOLD, "eDRX 4": Agreement.NOT_TOLD}


def test_a_method_that_no_table_knows_judges_nothing() -> None:
    differences = compare(made(files={"a": "1"}), made(files={}))
    assert {one.agrees for one in differences} == {Agreement.NOT_TOLD}
    assert only(differences, Item.FILES).change is Change.LOST


def test_what_was_not_read_is_told_and_never_judged() -> None:
    before = made(unread={(Item.SMS, ""): "SIM PIN", (Item.FILES, "b"): "refused"},
                  files={"a": "1", "b": "2"}, sms={"ME 1": "x"})
    after = made(files={"a": "1"})
    differences = compare(before, after, Method.FLASH)
    assert only(differences, Item.SMS).change is Change.UNREAD
    assert {one.name: one.change for one in differences if one.item is Item.FILES} == {
        "a": Change.KEPT, "b": Change.UNREAD}
    rows = {row.item: row for row in rows_of(differences)}
    assert not rows[Item.SMS].read
    assert rows[Item.SMS].outcome == "not read: SIM PIN"
    assert rows[Item.FILES].outcome == "kept, 1 of 1"
    assert not any(row.fails for row in rows.values())


def test_a_guess_never_fails_alone() -> None:
    lost = only(compare(made(files={"a": "1"}), made(), Method.FOAT), Item.FILES)
    assert lost.fails
    for source in (guess("remembered"), sibling("a relative's manual")):
        assert not dataclasses.replace(lost, told=Preservation(Fate.KEPT, source)).fails
    assert dataclasses.replace(lost, told=Preservation(Fate.KEPT, r8_guide("11.4"))).fails


def test_two_series_are_not_compared() -> None:
    with pytest.raises(FrameworkError, match="two series"):
        compare(made(R8), made(R6))


def test_the_table_of_a_report() -> None:
    lines = table(compare(made(files={"a": "1", "b": "1"}, settings={"power": "0"}),
                          made(files={"a": "2"}, settings={"power": "0"}), Method.FOAT))
    assert lines[0].startswith("user files: 1 changed, 1 lost of 2; differs: 'preserved' (LENA-R8 guide")
    assert lines[1:3] == ("  a: changed from 1 to 2", "  b: lost (1)")
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == [
        item.value for item in Item]
    assert any("kept, 1 of 1; as told: " in line for line in lines)
    assert any("nothing there; told is " in line for line in lines)


# On a virtual module ----------------------------------------------------------------------------------------

@pytest.fixture
def planted(module: Module) -> Iterator[str]:
    """Something of each item that a host can put there; the pre-shared key among it."""
    channel, key = module.channel, secrets.token_hex(16)
    files, store = Files(channel), Certificates(channel)
    files.put("kept.bin", b"0123456789")
    store.put(CertificateKind.CLIENT, "ours", (CERTS / "client_cert.crt").read_bytes())
    store.put(CertificateKind.KEY, "ours", (CERTS / "client_key.key").read_bytes())
    channel.ensure('AT+CGDCONT=4,"IP","kept.example"')
    channel.send(f'AT+USECPRF=2,8,"{key}"')
    channel.send('AT+USECPRF=2,3,"ours"')
    yield key
    files.delete("kept.bin", missing_ok=True)
    for one in store.list():
        store.remove(one.kind, one.name)
    for name in ("long.bin", "new.bin"):
        files.delete(name, missing_ok=True)
    channel.ensure("AT+CGDCONT=4")
    channel.ensure("AT+UPSV=0")
    channel.send("AT+USECPRF=2")


@pytest.fixture
def first(module: Module, planted: str) -> Fingerprint:
    """With a probe of the calibration, and a bound for files."""
    Files(module.channel).put("long.bin", bytes(500), check=False)
    return fingerprint_of(module.channel, calibration=lambda channel: channel.send("AT+CGMM").text,
                          longest_file=499)


def test_a_module_is_read_whole_and_its_changes_are_named(module: Module, planted: str,
                                                          first: Fingerprint) -> None:
    read_whole(module, planted, first)
    channel = module.channel
    Files(channel).put("kept.bin", b"0123456780")
    Files(channel).put("new.bin", b"x")
    Certificates(channel).remove(CertificateKind.KEY, "ours")
    channel.ensure("AT+UPSV=3")
    channel.ensure("AT+CGDCONT=4")
    second = fingerprint_of(channel, longest_file=499)
    differences = compare(first, second, Method.FOAT, profile=channel.profile)
    assert only(differences, Item.CALIBRATION).change is Change.UNREAD  # no probe the second time
    changed = {(one.item, one.name): one.change for one in differences
               if one.change not in (Change.KEPT, Change.UNREAD, Change.NONE)}
    assert changed == {
        (Item.FILES, "kept.bin"): Change.CHANGED, (Item.FILES, "new.bin"): Change.NEW,
        (Item.CERTIFICATES, "key ours"): Change.LOST, (Item.SETTINGS, "power saving"): Change.CHANGED,
        (Item.SETTINGS, "context 4"): Change.LOST}
    failing = {row.item for row in rows_of(differences) if row.fails}
    guide = {Item.FILES, Item.CERTIFICATES, Item.SETTINGS} if module.series is R8 else set()
    assert failing == guide


def read_whole(module: Module, key: str, one: Fingerprint) -> None:
    """What was planted is there; secrets and what is not the user's are not."""
    assert one.series is module.series
    assert one.firmware
    assert one.of(Item.FILES)["kept.bin"].values == ("10 bytes", "md5 781e5e245d69b566979b86e28d23f2c7")
    assert one.of(Item.FILES)["long.bin"].values == ("500 bytes",)
    assert set(one.of(Item.CERTIFICATES)) == {"client ours", "key ours"}
    settings = {name: mark.text for name, mark in one.of(Item.SETTINGS).items()}
    assert settings["context 4"] == "IP,kept.example"
    assert settings["security profile 2, operation 3"] == "ours"
    assert not {"context 0", "context 11"} & set(settings)
    assert {"radio technologies", "power saving", "greeting", "UART rate", "eDRX 4"} <= set(settings)
    if "+UMNOPROF" in module.channel.profile.unsupported:
        assert "no +UMNOPROF" in one.unread[Item.PROFILE, ""]
    else:
        assert one.of(Item.PROFILE)["chosen"].values == ("90",)
        assert one.of(Item.PROFILES)
    held = repr((one.marks, one.unread, table(compare(one, one, Method.FOAT))))
    assert key not in held
    assert (CERTS / "client_key.key").read_text().splitlines()[1] not in held


def test_calibration_is_compared_where_a_probe_shows_it() -> None:
    before, after = made(calibration={"probe": "md5 1"}), made(calibration={"probe": "md5 2"})
    found = only(compare(before, after, Method.FLASH), Item.CALIBRATION)
    assert (found.change, found.fails) == (Change.CHANGED, True)


# Messages: the virtual modules have none yet ----------------------------------------------------------------

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"  # 23.040, 9.1


@pytest.fixture
def stored(peer: Peer, channel: Channel) -> Callable[[str, int, int], None]:
    """``stored("ME", 0, 1)``: the store in use, the format, and the state of the one message in ME."""
    def answers(store: str, form: int, state: int) -> None:
        def switch(name: str) -> Callable[[Peer, bytes], None]:
            def act(peer: Peer, line: bytes) -> None:
                used = 1 if name == "ME" else 7
                text = f'"{name}",{used},255'
                peer.on("AT+CPMS?", f"\r\n+CPMS: {text},{text},{text}\r\n\r\nOK\r\n".encode())
                peer.say(b"\r\n+CPMS: 1,255,1,255,1,255\r\n\r\nOK\r\n" if line else b"")
            return act

        switch(store)(peer, b"")
        for name in ("ME", "SM"):
            peer.on(f'AT+CPMS="{name}"', switch(name))
        peer.on("AT+CMGF?", f"\r\n+CMGF: {form}\r\n\r\nOK\r\n".encode())
        for number in (0, 1):
            peer.on(f"AT+CMGF={number}", b"\r\nOK\r\n")
        peer.on("AT+CMGL=4", f"\r\n+CMGL: 3,{state},,30\r\n{PDU}\r\n\r\nOK\r\n".encode())
        peer.on("ATI9", b"\r\n02.00,A01.22\r\n\r\nOK\r\n")

    return answers


def test_messages_by_digest_whatever_their_state(channel: Channel, peer: Peer,
                                                 stored: Callable[[str, int, int], None]) -> None:
    """Listing a message marks it as read; that is no change of it."""
    stored("ME", 0, 0)
    unread = fingerprint_of(channel)
    stored("ME", 0, 1)
    read = fingerprint_of(channel)
    assert set(read.of(Item.SMS)) == {"number in ME", "ME 3"}
    assert {one.change for one in compare(unread, read, Method.FOAT) if one.item is Item.SMS} == {Change.KEPT}
    assert PDU not in repr(read.marks)


def test_store_and_format_are_put_back(channel: Channel, peer: Peer,
                                       stored: Callable[[str, int, int], None]) -> None:
    stored("SM", 1, 1)
    assert "ME 3" in fingerprint_of(channel).of(Item.SMS)
    lines = [line.decode() for _, line in peer.received]
    asked = [line for line in lines if line.startswith(("AT+CMGF=", 'AT+CPMS="', "AT+CMGL"))]
    assert asked == ['AT+CPMS="ME"', "AT+CMGF=0", "AT+CMGL=4", "AT+CMGF=1", 'AT+CPMS="SM"']


def test_a_sim_that_is_still_starting_is_waited_for(channel: Channel, peer: Peer,
                                                    stored: Callable[[str, int, int], None]) -> None:
    stored("ME", 0, 1)
    ready: list[bytes] = []

    def busy_once(peer: Peer, line: bytes) -> None:
        first = not ready
        ready.append(line)
        peer.say(b"\r\n+CMS ERROR: 314\r\n" if first
                 else b'\r\n+CPMS: "ME",1,255,"ME",1,255,"ME",1,255\r\n\r\nOK\r\n')

    peer.on("AT+CPMS?", busy_once)
    assert "ME 3" in fingerprint_of(channel).of(Item.SMS)


def test_a_module_that_refuses_is_told_as_not_read(channel: Channel, peer: Peer) -> None:
    """All that it says to a question is ERROR; the whole is still a fingerprint."""
    peer.on("ATI9", b"\r\n02.00,A01.22\r\n\r\nOK\r\n")
    one = fingerprint_of(channel)
    assert {item for item, name in one.unread if not name} == {
        Item.FILES, Item.PROFILE, Item.PROFILES, Item.CERTIFICATES, Item.CALIBRATION, Item.SMS}
    assert {mark.text for mark in one.of(Item.SETTINGS).values()} == {"refused"}
    assert one.unread[Item.FILES, ""] == "AT+ULSTFILE=0 is refused"


def test_every_method_has_its_column() -> None:
    assert set(subject._WAYS) == set(Method)
