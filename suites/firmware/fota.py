"""What the procedures of firmware over the air share: packages by every way, their installation, refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cellbench.api import (
    AtError,
    Dut,
    Limit,
    Method,
    NotApplicable,
    NotPossible,
    Package,
    PackageKind,
    Packages,
    PackageStore,
    Recorder,
    Served,
    Stage,
    StoredPackage,
    Update,
    UpdateEvent,
    Updater,
    UpdateRefused,
    ftp_offer,
)

from .preservation import quick_port

NAME, TAG = "updatePackage.bin", "FOAT"
BOTH = ("LENA-R8", "LARA-R6")
UPDATES = ("expendable",)
UPDATE_S = 3600.0  # a module that updates itself may be silent for half an hour
URC_S = 600.0
Updaters = Callable[..., Updater]


def version(dut: Dut) -> str:
    """The installed firmware, asked."""
    return dut.identify(sim=False).firmware


def store_by_serial(dut: Dut, package: Package | bytes,
                    report: Callable[[UpdateEvent], None] | None = None) -> StoredPackage:
    """Over the quickest port. NotApplicable when a series refuses it that no document promises it for."""
    store = PackageStore(quick_port(dut), report)
    try:
        return store.by_serial(package)
    except AtError as refused:
        if store.documented(Method.SERIAL):
            raise
        raise NotApplicable(f"{refused}; {store.source(Method.SERIAL).where}") from refused


def run_release(dut: Dut, package: Packages, updater: Updaters, wanted: str | None) -> None:
    """Bring the module to a release, unless it runs it already."""
    for step in package.route(wanted) if wanted is not None else ():
        if step.kind is PackageKind.FULL:
            updater(dut).flash(step)
        else:
            store_by_serial(dut, step)
            updater(dut).install(step, method=Method.SERIAL)


def must_be_listed(dut: Dut) -> None:
    """The last row of Tables 49 to 51: the package, and nothing else, below the tag."""
    answer = dut.send(f'AT+ULSTFILE=0,"{TAG}"')
    assert answer.value("+ULSTFILE") == (NAME,), f"{answer.command}: {list(answer.info)}"


def must_be_gone(dut: Dut) -> None:
    """Nothing lies below the tag: what did not come whole leaves no piece."""
    assert PackageStore(dut.at).list() == (), "something of the package is left"


def judge_md5(record: Recorder, told: object, data: bytes) -> None:
    """The MD5 of a result against the package's own."""
    record.measure("MD5 of the package, as the module tells it", str(told).lower(),
                   limit=Limit(equals=md5_hex(data), source="the package itself"))


def judge_course(record: Recorder, update: Update, package: Package, *, promised: bool) -> None:
    """Check and installation with ascending progress, silence, 128, reboot, the new version (Table 52).
    ``promised``: whether a document of the series promises the progress."""
    record.measure("firmware", update.after, limit=Limit(equals=package.end, source="the package"))
    assert update.before == package.start
    for stage in (Stage.CHECKING, Stage.WRITING):
        told = [event.at for event in update.events if event.stage is stage and event.at is not None]
        record.note(f"{stage.value}: {len(told)} steps of progress, {told[:1]} to {told[-1:]}")
        assert told == sorted(told), f"progress goes back: {told}"
        assert all(0 <= one <= 100 for one in told), f"progress is no percentage: {told}"
        assert told or not promised, f"no progress of {stage.value}"
    stages = [event.stage for event in update.events]
    assert Stage.REBOOTING in stages, "no reboot was seen"
    assert update.code in (128, None), f"the result is {update.code}"
    record.note(f"success was told {update.told.value}")
    record.measure("update", update.seconds, "s")
    silent = _silence_s(update)
    if silent is not None:
        record.measure("silence after 100 %", silent, "s")


def promised(updater: Updater) -> bool:
    """Whether a document, and no guess, says that the command's last parameter switches progress on."""
    return updater.facts.tail.source.evidence.value != "guess"


def must_be_refused(dut: Dut, record: Recorder, updater: Updaters, package: Package, method: Method,
                    what: str, codes: frozenset[int]) -> None:
    """The stored package is not installed: one of the codes, the firmware as before; the module goes on."""
    before = version(dut)
    try:
        done = updater(dut).install(package, method=method)
    except UpdateRefused as error:
        refused = error
    else:
        raise AssertionError(f"{what}: the package was installed, {done.before} became {done.after}")
    record.note(f"{what}: {refused}")
    record.measure(f"{what}: code", str(refused.code), limit=Limit(
        one_of=tuple(map(str, sorted(codes))), source="codes of a public driver, LENA-R8 AT manual"))
    record.measure(f"{what}: firmware afterwards", version(dut), limit=Limit(
        equals=before, source="LENA-R8 guide 11.1.1: firmware is unchanged and usable"))
    PackageStore(dut.at).discard()


def spoilt(package: Package, folder: Path, change: Callable[[bytearray], object], name: str) -> Package:
    """A file of its own with something changed in the package."""
    data = bytearray(package.data())
    change(data)
    return as_package(package, bytes(data), folder / name)


def as_package(like: Package, data: bytes, path: Path) -> Package:
    """Other bytes, told to be what ``like`` is."""
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    return replace(like, path=path, size=len(data), md5=md5_hex(data), sha256=sha256)


def bring(dut: Dut, served: Served, data: bytes, report: Callable[[UpdateEvent], None] | None = None, *,
          path: str = "", timeout_s: int = 0) -> StoredPackage:
    """From the rig's server into the module; ``timeout_s`` as the client's setting, 0 for its own."""
    store, where = PackageStore(dut.at, report), path or served.path
    offer = served.offer if not path else None
    if served.method is Method.FTP:
        return store.by_ftp(data, replace(served.ftp(), timeout_s=timeout_s), where, offer=offer)
    return store.by_http(data, replace(served.http(), timeout_s=timeout_s or None), where, offer=offer)


def md5_hex(data: bytes) -> str:
    """As modules tell it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def fetched(served: Served, path: str) -> bytes:
    """Another file of the server, as it gives it to this host."""
    place = served.place
    if place.probe is None:
        raise NotPossible(f"service {place.role}: this host does not reach it",
                          remedy=f"name services.{place.role}.probe")
    return ftp_offer(place.probe.host, place.probe.port, path, place.user or "", place.password or "")()


def _silence_s(update: Update) -> float | None:
    """Seconds from the last percent of the installation to what comes next; None when 100 was not told."""
    full = [event.elapsed_s for event in update.events if event.stage is Stage.WRITING and event.at == 100]
    then = [event.elapsed_s for event in update.events
            if event.stage in (Stage.REBOOTING, Stage.DONE) and full and event.elapsed_s >= full[-1]]
    return then[0] - full[-1] if then else None
