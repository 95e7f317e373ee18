"""The host: versions, directories, disk, clock, and the dates of certificates."""

from __future__ import annotations

import os
import platform
import shutil
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.guardian import paths
from cellbench.rig.check import file_beside
from cellbench.session.check.kernel import Sync
from cellbench.session.check.model import Look, Scene, Trouble, host_error, host_warning

_MADE = datetime(2026, 11, 1, tzinfo=UTC)  # no clock is right that is before this program was written
_BACK_S = 60.0
_LITTLE, _TOO_LITTLE = 1_000_000_000, 100_000_000  # bytes: a run with traces takes some tens of megabytes
_SET_CLOCK = "start a time service (`sudo timedatectl set-ntp true`), or set it (`sudo date -s ...`)"
_OF_INTEREST = ("pytest", "pytest-xdist", "PyVISA", "PyVISA-py", "pyserial")


def look_at_host(scene: Scene) -> Iterator[Look]:
    """Everything of the host that no slot shows."""
    yield _versions()
    yield _clock(scene)
    yield from _certificates(scene)
    yield _directories()
    yield _disk(scene)


def _versions() -> Look:
    found, troubles = [f"Python {platform.python_version()}"], []
    least = _least_versions()
    for name in _OF_INTEREST:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            troubles.append(host_error("versions", f"{name} is not installed", f"`pip install {name}`"))
            continue
        found.append(f"{name} {version}")
        wanted = least.get(name.lower())
        if wanted is not None and _numbers(version) < _numbers(wanted):
            troubles.append(
                host_error(
                    "versions",
                    f"{name} {version} is older than {wanted}",
                    f"`pip install --upgrade '{name}>={wanted}'`",
                )
            )
    found.append(f"{platform.system()} {platform.release()} {platform.machine()}")
    return Look("versions", ", ".join(found), tuple(troubles))


def _least_versions() -> dict[str, str]:
    """The lower bounds that this package declares."""
    try:
        declared = metadata.requires("cellbench") or []
    except metadata.PackageNotFoundError:
        return {}
    pairs = (line.partition(";")[0].partition(">=") for line in declared)
    return {name.strip().lower(): bound.strip() for name, mark, bound in pairs if mark}


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("."):
        digits = "".join(character for character in part if character.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def _clock(scene: Scene) -> Look:
    now = datetime.fromtimestamp(scene.host.clock.utc_ns() / 1e9, UTC)
    sync = scene.host.synchronised()
    troubles = []
    newest = _newest_record(scene)
    if now < _MADE:
        troubles.append(
            host_error(
                "clock",
                f"the clock says {now:%Y-%m-%d %H:%M} UTC, which is before this program was made",
                _SET_CLOCK,
            )
        )
    elif newest is not None and (newest - now).total_seconds() > _BACK_S:
        troubles.append(
            host_error(
                "clock",
                f"the clock says {now:%Y-%m-%d %H:%M} UTC, and files of earlier runs "
                f"are of {newest:%Y-%m-%d %H:%M}: it was set back",
                _SET_CLOCK,
            )
        )
    if sync is Sync.NO:
        troubles.append(
            host_warning(
                "clock",
                "nothing keeps the clock right (the kernel calls it not synchronised)",
                "start a time service: `sudo timedatectl set-ntp true`, or install chrony",
            )
        )
    return Look("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, {sync.value}", tuple(troubles))


def _newest_record(scene: Scene) -> datetime | None:
    """When the guardian or a run last wrote something here."""
    try:
        places = [paths.runtime_dir() / "guardian.log", *scene.host.results.glob("*/journal.jsonl")]
    except CellbenchError:
        return None
    times = [place.stat().st_mtime for place in places if place.exists()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _certificates(scene: Scene) -> Iterator[Look]:
    """Certificate authorities of services: readable, and valid today."""
    now = scene.host.clock.utc_ns() / 1e9
    for role, service in scene.rig.model.services.items():
        if service.ca is None:
            continue
        file, place = file_beside(scene.rig.path, service.ca), ("services", role, "ca")
        yield Look(
            f"service {role}",
            f"certificate authority {file.name}",
            tuple(_certificate(scene, place, file, now)),
        )


def _certificate(scene: Scene, place: tuple[str, ...], file: Path, now: float) -> Iterator[Trouble]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=str(file))
    except (OSError, ssl.SSLError) as error:
        yield scene.error(
            place,
            f"{file} holds no certificate that can be read ({error.strerror or error})",
            "give a file in PEM form: -----BEGIN CERTIFICATE-----",
        )
        return
    for one in context.get_ca_certs():
        begins, ends = (ssl.cert_time_to_seconds(str(one[key])) for key in ("notBefore", "notAfter"))
        if now < begins:
            yield scene.error(
                place,
                f"{file.name} is valid from {one['notBefore']} on: the clock is behind, or "
                "the certificate too new",
                _SET_CLOCK,
            )
        elif now > ends:
            yield scene.error(
                place,
                f"{file.name} has expired on {one['notAfter']}",
                "put a certificate there that is valid, or look at the host's clock",
            )


def _directories() -> Look:
    troubles = []
    found = []
    for name, variable, find in (
        ("runtime directory", paths.RUNTIME_VARIABLE, paths.runtime_dir),
        ("locks", paths.LOCK_VARIABLE, paths.lock_dir),
    ):
        try:
            path = find()
        except CellbenchError as error:
            troubles.append(host_error(name, error.message, error.remedy or f"correct it, or set {variable}"))
            continue
        found.append(f"{name} {path}")
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            troubles.append(
                host_error(name, f"{path} cannot be written", f"`chmod u+rwx {path}`, or set {variable}")
            )
    return Look("directories", ", ".join(found) or "not usable", tuple(troubles))


def _disk(scene: Scene) -> Look:
    place = next(
        folder
        for folder in (scene.host.results.absolute(), *scene.host.results.absolute().parents)
        if folder.exists()
    )
    free = shutil.disk_usage(place).free
    told = f"{free / 1e9:.1f} GB free for results in {place}"
    if free < _TOO_LITTLE:
        return Look(
            "disk",
            told,
            (
                host_error(
                    "disk",
                    f"only {free / 1e6:.0f} MB are free in {place}",
                    "make room: a run stops when its journal cannot be written",
                ),
            ),
        )
    if free < _LITTLE:
        return Look(
            "disk",
            told,
            (
                host_warning(
                    "disk",
                    f"only {free / 1e6:.0f} MB are free in {place}",
                    "make room, or choose another --results",
                ),
            ),
        )
    return Look("disk", told)
