"""Packages brought into a virtual module of each series, by every way; failures by owner."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from cellbench.base.errors import ServiceError
from cellbench.catalogue.downloads import EXCLUSIONS, PACKAGE_NAME, PACKAGE_TAG, WAYS
from cellbench.catalogue.model import Series
from cellbench.host.clients.blame import ClientError
from cellbench.host.clients.ftp import FtpServer
from cellbench.host.clients.http import HttpServer
from cellbench.host.files import Files, NoRoom
from cellbench.host.firmware.download import PackageDiffers, PackageNotOffered, PackageStore, Stored
from cellbench.host.firmware.model import Method, Stage, UpdateEvent
from cellbench.host.firmware.offer import Offer, ftp_offer, http_offer, md5_hex, seen_at

from ..rack import SLOTS, Module, Rack

SERVERS = {Method.FTP: "ftp-firmware", Method.HTTP: "http-firmware"}
FTP = FtpServer("ftp.firmware.com", "username", "password")
HTTP = HttpServer("125.24.51.133", 80, user="username", password="password")
KEPT_WAITING = {Method.FTP: "slow", Method.HTTP: "mute"}
Body = Callable[[Module, Method], None]


class Interrupted(Exception):
    """What a test's report raises."""


@pytest.fixture(scope="module")
def modules(rack: Rack) -> Iterator[dict[str, Module]]:
    """A module of each series: what is done on both is done at once."""
    with contextlib.ExitStack() as held:
        yield {name: held.enter_context(rack.module(name)) for name in SLOTS}


def on_both(modules: dict[str, Module], body: Callable[[Module], None]) -> None:
    """The same on both at the same time; the first failure is raised."""
    with ThreadPoolExecutor(len(modules)) as pool:
        for job in [pool.submit(body, module) for module in modules.values()]:
            job.result()


def from_both(modules: dict[str, Module], body: Body, *, crossed: bool = False) -> None:
    """One module by FTP and the other by HTTP at the same time: neither disturbs the other's server."""
    first, second = (Method.HTTP, Method.FTP) if crossed else (Method.FTP, Method.HTTP)
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(body, modules["r8"], first), pool.submit(body, modules["r6"], second)]:
            job.result()


def path_of(module: Module, what: str = "delta") -> str:
    return f"/fw/{module.series.value.lower()}/{what}"


def offer_of(module: Module, method: Method, what: str = "delta") -> Offer:
    """What the host itself gets of the server."""
    rig: dict[str, Any] = yaml.safe_load((module.rack.directory / "rig.yaml").read_text())
    place = rig["services"][SERVERS[method]]["probe"]
    if method is Method.FTP:
        return ftp_offer(place["host"], place["port"], path_of(module, what), FTP.user, FTP.password)
    return http_offer(place["host"], place["port"], path_of(module, what), HTTP.user, HTTP.password)


def bring(module: Module, method: Method, data: bytes, what: str = "delta", *, offer: Offer | None = None,
          report: Callable[[UpdateEvent], None] | None = None) -> Stored:
    store = PackageStore(module.channel, report)
    if method is Method.FTP:
        return store.by_ftp(data, FTP, path_of(module, what), offer=offer)
    return store.by_http(data, HTTP, path_of(module, what), offer=offer)


def server(module: Module, method: Method, state: str) -> None:
    module.ctl("server", f"name={SERVERS[method]}", f"state={state}")


def every_way_brings_the_package_alone(module: Module) -> None:
    """A leftover goes first, be it the user's file or below the tag, long as it may be."""
    data = offer_of(module, Method.FTP)()
    store, seen = PackageStore(module.channel), list[UpdateEvent]()
    Files(module.channel).put(PACKAGE_NAME, b"left over", check=False)
    assert store.by_serial(data + b"left over").size == len(data) + 9
    assert not Files(module.channel).has(PACKAGE_NAME)
    ways = (bring(module, Method.FTP, data), bring(module, Method.HTTP, data),
            PackageStore(module.channel, seen.append).by_serial(data))
    for stored in ways:
        assert (store.list(), store.size(), stored.size) == ((PACKAGE_NAME,), len(data), len(data))
        assert stored.events[-1].at == len(data)
    assert [stored.md5 for stored in ways] == [md5_hex(data), md5_hex(data), None]
    places = [event.at for event in seen]
    assert places == sorted({0, len(data), *range(0, len(data), 4096)})
    assert {event.stage for event in seen} == {Stage.DOWNLOADING}
    assert seen[1].left_s is not None
    store.discard()
    assert (store.held(), store.size(), store.list()) == (False, None, ())


def test_every_way_brings_the_package_alone(modules: dict[str, Module]) -> None:
    on_both(modules, every_way_brings_the_package_alone)


def what_the_server_lacks_is_not_the_units(module: Module, method: Method) -> None:
    """The module tells what it saw; asked itself, the server decides whose it is."""
    with pytest.raises(ClientError) as told:
        bring(module, method, b"any", "missing")
    assert (told.value.kind, told.value.code) == {Method.FTP: (0, 550), Method.HTTP: (3, 12)}[method]
    with pytest.raises(PackageNotOffered, match=r"missing.*does not give|answers the host"):
        bring(module, method, b"any", "missing", offer=offer_of(module, method, "missing"))
    assert not PackageStore(module.channel).held()


def test_what_the_server_lacks_is_not_the_units(modules: dict[str, Module]) -> None:
    from_both(modules, what_the_server_lacks_is_not_the_units)


def an_md5_that_is_not_the_packages(module: Module, method: Method) -> None:
    """The unit's when the server gives the host the package, the server's when it does not; nothing stays
    in the module."""
    offer = offer_of(module, method)
    wanted = offer() + b"more"
    with pytest.raises(PackageNotOffered, match=md5_hex(wanted)):
        bring(module, method, wanted, offer=offer)
    with pytest.raises(PackageDiffers, match=md5_hex(wanted)):
        bring(module, method, wanted, offer=lambda: wanted)
    assert not PackageStore(module.channel).held()


def test_an_md5_that_is_not_the_packages(modules: dict[str, Module]) -> None:
    from_both(modules, an_md5_that_is_not_the_packages, crossed=True)


def a_user_that_the_server_does_not_know(module: Module) -> None:
    """The server's reply, with a session that can begin anew."""
    store, data = PackageStore(module.channel), offer_of(module, Method.FTP)()
    wrong = FtpServer(FTP.host, FTP.user, "another")
    with pytest.raises(ClientError) as told:
        store.by_ftp(data, wrong, path_of(module), offer=offer_of(module, Method.FTP))
    assert (told.value.kind, told.value.code) == (0, 530)
    assert not store.held()
    assert bring(module, Method.FTP, data).size == len(data)


def test_a_user_that_the_server_does_not_know(modules: dict[str, Module]) -> None:
    on_both(modules, a_user_that_the_server_does_not_know)


def a_server_that_is_down(module: Module, method: Method) -> None:
    """Named as what failed; when it is back the package comes."""
    offer = offer_of(module, method)
    data = offer()
    server(module, method, "down")
    try:
        with pytest.raises(PackageNotOffered, match="to the host"):
            bring(module, method, data, offer=offer)
        assert not PackageStore(module.channel).held()
    finally:
        server(module, method, "up")
    assert bring(module, method, data, offer=offer).size == len(data)


def test_a_server_that_is_down(modules: dict[str, Module]) -> None:
    from_both(modules, a_server_that_is_down)


def a_server_that_goes_while_the_package_comes(module: Module, method: Method) -> None:
    """Nothing is left of what had come; the looks at the module go on until then."""
    offer, seen = offer_of(module, method), list[UpdateEvent]()
    data = offer()

    def go(event: UpdateEvent) -> None:
        seen.append(event)
        if len(seen) == 2:
            server(module, method, "down")

    server(module, method, KEPT_WAITING[method])
    try:
        with pytest.raises(PackageNotOffered):
            bring(module, method, data, offer=offer, report=go)
        assert not PackageStore(module.channel).held()
        assert {event.stage for event in seen} == {Stage.DOWNLOADING}
        assert len(seen) >= 2
    finally:
        server(module, method, "up")
    assert bring(module, method, data).size == len(data)


def test_a_server_that_goes_while_the_package_comes(modules: dict[str, Module]) -> None:
    from_both(modules, a_server_that_goes_while_the_package_comes)


def a_report_that_raises_ends_the_wait_alone(module: Module, method: Method) -> None:
    """The module goes on: the host has left, and nothing was sent in its stead. The next download begins
    anew."""
    data = offer_of(module, method)()

    def leave(event: UpdateEvent) -> None:
        if event.elapsed_s > 0 and event.at is None:
            raise Interrupted

    prefix, place = {Method.FTP: ("+UUFTPCR", 0), Method.HTTP: ("+UUHTTPCR", 1)}[method]
    server(module, method, KEPT_WAITING[method])
    try:
        with module.channel.expect(prefix, lambda event: event.fields[place] == 100) as ended:
            with pytest.raises(Interrupted):
                bring(module, method, data, report=leave)
            server(module, method, "down")
            ended.wait(30.0)
    finally:
        server(module, method, "up")
    assert bring(module, method, data).size == len(data)


def test_a_report_that_raises_ends_the_wait_alone(modules: dict[str, Module]) -> None:
    from_both(modules, a_report_that_raises_ends_the_wait_alone, crossed=True)


def no_room(module: Module) -> None:
    """Refused, by the command and by the transfer; no piece of it is left."""
    store = PackageStore(module.channel)
    with pytest.raises(NoRoom):
        store.by_serial(bytes(400_000))
    data, files = offer_of(module, Method.FTP)(), Files(module.channel)
    files.put("filler", bytes(files.free() - 20_000), check=False)
    try:
        for method in SERVERS:
            with pytest.raises(ClientError):
                bring(module, method, data, offer=offer_of(module, method))
            assert store.list() == ()
    finally:
        files.delete("filler")


def test_no_room(modules: dict[str, Module]) -> None:
    on_both(modules, no_room)


def a_serial_download_that_breaks_off(module: Module) -> None:
    """The module still takes what comes for the package: filled up to its length, it listens again, and a new
    download replaces what is there."""
    data, last = offer_of(module, Method.FTP)(), [0]

    def leave(event: UpdateEvent) -> None:
        last[0] = event.at or 0
        if last[0] > 20_000:
            raise Interrupted

    with pytest.raises(Interrupted):
        PackageStore(module.channel, leave).by_serial(data)
    assert 20_000 < last[0] < len(data)
    module.channel.write_raw(bytes(len(data) - last[0]))
    module.channel.sync(30.0)
    assert PackageStore(module.channel).by_serial(data).size == len(data)


def test_a_serial_download_that_breaks_off(modules: dict[str, Module]) -> None:
    on_both(modules, a_serial_download_that_breaks_off)


def a_host_asks_a_server_itself(module: Module) -> None:
    """FTP and HTTP give the same; who gets nothing says why."""
    data = offer_of(module, Method.FTP)()
    assert offer_of(module, Method.HTTP)() == data
    assert seen_at(offer_of(module, Method.FTP), data) == seen_at(None, b"any") == ""
    assert md5_hex(data) in seen_at(offer_of(module, Method.HTTP), b"other")
    for offer in (ftp_offer("127.0.0.1", 9, "/x"), http_offer("127.0.0.1", 9, "/x"),
                  offer_of(module, Method.HTTP, "missing")):
        with pytest.raises(ServiceError, match="the host"):
            offer()


def test_a_host_asks_a_server_itself(modules: dict[str, Module]) -> None:
    on_both(modules, a_host_asks_a_server_itself)


def who_says_that_a_way_is_there(module: Module) -> None:
    """Each way has a source; where it is a guess a refusal proves nothing."""
    store = PackageStore(module.channel)
    guessed = {method for method in (Method.FTP, Method.HTTP, Method.SERIAL) if not store.documented(method)}
    assert guessed == {Series.LENA_R8: set(), Series.LARA_R6: {Method.SERIAL}}[module.series]
    assert PACKAGE_TAG == "FOAT"
    assert {one.running for one in EXCLUSIONS} >= {way for ways in WAYS.values() for way in ways}


def test_who_says_that_a_way_is_there(modules: dict[str, Module]) -> None:
    on_both(modules, who_says_that_a_way_is_there)
