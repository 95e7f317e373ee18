"""Bar: 1 MB by HTTP and by FTP into and out of the module, byte for byte; refused when it does not fit.

A rack runs as a program with a module of each series; the host's own clients drive them over USB. Every
transfer's bytes are random, so that nothing older can pass for them. When the file system is full, what
cannot be taken must leave no file behind and the files that are there as they were.
"""

from __future__ import annotations

import json
import runpy
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.clients.ftp import FtpClient, FtpServer
from cellbench.host.clients.http import HttpClient, HttpServer
from cellbench.host.files import Files
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort

SUBJECT = "internet"
BAR = ("1 MB by HTTP and by FTP into and out of the module, byte for byte, on both series; refused when the "
       "file system is full, with nothing half-written.")

RATES = Path(__file__).resolve().parents[2] / "benchmarks" / "transfers.py"
MEGABYTE = 1_048_576
LEFT = 20_000
"""Bytes that a full file system has left: room for an answer's head, none for a file."""
SERIES = tuple(Series)
CLASS_FILES = 4  # of +UFTPER
ANSWER_FILE = (3, 43)  # of +UHTTPER: the answer file cannot be written
REGISTERED_S = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing tried, and what was wrong with it."""

    what: str
    wrong: str = ""


class Wrong(Exception):
    """Not as the bar wants it."""


@contextmanager
def modules(series: Sequence[Series] = SERIES, *settings: str) -> Iterator[dict[Series, Channel]]:
    """A rack of its own process; a channel to each module, registered and with an active context."""
    with tempfile.TemporaryDirectory(prefix="cellbench-transfers-") as folder:
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", folder, "--powered"]
        for one in series:
            command += ["--slot", f"{one.value.lower()}={one.value}"]
        for setting in settings:
            command += ["--set", setting]
        rack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        opened: dict[Series, Channel] = {}
        try:
            assert rack.stdout is not None
            slots = {slot["series"]: slot for slot in json.loads(rack.stdout.readline())["slots"]}
            for one in series:
                opened[one] = channel_of(one, slots[one.value]["at"][0])
            yield opened
        finally:
            for channel in opened.values():
                channel.stop()
            rack.terminate()
            rack.communicate(timeout=30)


def channel_of(series: Series, port: str) -> Channel:
    """The AT channel of a module that is ready for the internet."""
    channel = Channel(SerialPort(port), profile_for(series), trace=Transcript(), name=series.value)
    channel.start()
    channel.sync(30.0)
    channel.send("AT+CMEE=2")
    tries = 0
    while not {1, 5} & set(channel.send("AT+CEREG?").value("+CEREG")[:2]):
        tries += 1
        if tries > REGISTERED_S / 0.1:
            raise Wrong(f"{series.value} does not register")
        channel.wait_until(lambda: False, 0.1)
    if series is Series.LENA_R8:
        channel.send('AT+CGDCONT=1,"IP","internet.wind.biz"')
    channel.send("AT+CGACT=1,1")
    return channel


def same(found: bytes, data: bytes) -> None:
    """Wrong unless both are equal."""
    if found != data:
        raise Wrong(f"{len(found)} bytes came back where {len(data)} were sent, or they differ")


# -- transfers ------------------------------------------------------------------------------------------


def http_both_ways(channel: Channel, size: int) -> None:
    """Out of the module by PUT of a file, into it by GET."""
    http = HttpClient(channel).use(HttpServer("httpbin.org"))
    data, path = secrets.token_bytes(size), f"/files/{secrets.token_hex(6)}"
    answer = http.put(path, data)
    if answer.status not in (200, 201, 204):
        raise Wrong(f"PUT: status {answer.status}")
    same(http.get(path).body, data)
    http.delete(path)


def ftp_both_ways(channel: Channel, size: int) -> None:
    """Out of the module by a put, into it by a get."""
    with logged_in(channel) as ftp:
        data, name = secrets.token_bytes(size), secrets.token_hex(6)
        ftp.put(name, data, check=False)
        same(ftp.get(name), data)
        ftp.delete(name)


def ftp_directly(channel: Channel, size: int) -> None:
    """Between port and server, past the file system, both ways."""
    with logged_in(channel) as ftp:
        data, name = secrets.token_bytes(size - 1) + b".", secrets.token_hex(6)
        ftp.put_direct(name, data, check=False)
        same(ftp.get_direct(name), data)
        ftp.delete(name)


def ftp_in_two_parts(channel: Channel, size: int) -> None:
    """Both ways restarted in the middle."""
    with logged_in(channel) as ftp:
        data, name = secrets.token_bytes(size), secrets.token_hex(6)
        ftp.put(name, data[:size // 2], check=False)
        ftp.put(name, data, offset=size // 2, check=False)
        same(ftp.get(name, resume=data[:size // 3]), data)
        ftp.delete(name)


TRANSFERS: dict[str, Callable[[Channel, int], None]] = {
    "HTTP": http_both_ways, "FTP": ftp_both_ways, "FTP by direct link": ftp_directly,
    "FTP restarted in the middle": ftp_in_two_parts}


# -- a full file system -----------------------------------------------------------------------------------


def refused(work: Callable[[], object], kind: int | None = None) -> None:
    """``work`` must end in an error, of this class where one is given."""
    try:
        work()
    except CellbenchError as error:
        if kind is not None and getattr(error, "kind", None) != kind:
            raise Wrong(f"refused for another reason: {error}") from None
        return
    raise Wrong("it was taken")


def full_for_ftp(channel: Channel, files: Files, size: int) -> None:
    """A download into a new file and over one that is there."""
    with logged_in(channel) as ftp:
        name = secrets.token_hex(6)
        ftp.put_direct(name, secrets.token_bytes(size - 1) + b".", check=False)
        for local in ("fresh", "kept"):
            refused(lambda local=local: ftp.get_file(name, local), CLASS_FILES)  # type: ignore[misc]
        refused(lambda: ftp.get_file(name, "kept", resume=True), CLASS_FILES)
        ftp.delete(name)
    absent(files, "fresh")


def full_for_http(channel: Channel, files: Files, size: int) -> None:
    """A download into a new answer file and over one that is there."""
    http, kept = HttpClient(channel).use(HttpServer("httpbin.org")), files.get("kept")
    for local in ("fresh", "kept"):
        # the client itself deletes an answer file first
        with channel.expect("+UUHTTPCR") as result:
            channel.send(f'AT+UHTTPC=0,1,"/bytes/{size}","{local}"')
            if result.wait(120.0).fields[2] == 1:
                raise Wrong("it was taken")
        if http.last_error() != ANSWER_FILE:
            raise Wrong(f"+UHTTPER: {http.last_error()}")
        same(files.get("kept"), kept)
    absent(files, "fresh")


def full_for_files(channel: Channel, files: Files, size: int) -> None:
    """+UDWNFILE of a new file in one command and in pieces, and behind one that is there."""
    free = files.free()
    answer = channel.send(f'AT+UDWNFILE="fresh",{free + 1}', payload=bytes(free + 1), check=False)
    if answer.ok:
        raise Wrong("+UDWNFILE takes more than is free")
    absent(files, "fresh")
    refused(lambda: files.put("fresh", secrets.token_bytes(size)))
    absent(files, "fresh")
    answer = channel.send(f'AT+UDWNFILE="kept",{free + 1}', payload=bytes(free + 1), check=False)
    if answer.ok:
        raise Wrong("+UDWNFILE appends more than is free")


FULL: dict[str, Callable[[Channel, Files, int], None]] = {
    "FTP": full_for_ftp, "HTTP": full_for_http, "+UDWNFILE": full_for_files}


def on_full(channel: Channel, name: str, size: int) -> None:
    """With a file system that has LEFT bytes left: refused, nothing half-written, and room afterwards."""
    files, kept = Files(channel), secrets.token_bytes(500)
    files.put("kept", kept)
    files.put("filler", b"x" * (files.free() - LEFT), check=False)
    before, free = sorted(files.list()), files.free()
    FULL[name](channel, files, size)
    same(files.get("kept"), kept)
    if (sorted(files.list()), files.free()) != (before, free):
        raise Wrong(f"{files.list()} with {files.free()} bytes free where {before} with {free} were")
    files.delete("filler")
    TRANSFERS["FTP"](channel, min(size, files.free() // 2))
    files.delete("kept")


def absent(files: Files, name: str) -> None:
    """Wrong when there is such a file."""
    if files.has(name):
        raise Wrong(f"{name} was written, {files.size(name)} bytes")


@contextmanager
def logged_in(channel: Channel) -> Iterator[FtpClient]:
    """A session with the embedded server."""
    with FtpClient(channel).use(FtpServer("ftp.u-blox.com", password="password")).session() as ftp:
        yield ftp


# -- the bar ------------------------------------------------------------------------------------------------


def tried(what: str, work: Callable[[], None]) -> Trial:
    """How one trial went."""
    try:
        work()
    except (Wrong, CellbenchError) as error:
        return Trial(what, f"{type(error).__name__}: {error}")
    return Trial(what)


def trials(channel: Channel, size: int) -> Iterator[Trial]:
    """All of one module."""
    for name, transfer in TRANSFERS.items():
        yield tried(f"{size:,} bytes by {name}, both ways", lambda one=transfer: one(channel, size))
    for name in FULL:
        yield tried(f"full file system: {name}", lambda one=name: on_full(channel, one, size))


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    rows: list[dict[str, object]] = []
    with modules() as found:
        for series, channel in found.items():
            for trial in trials(channel, MEGABYTE):
                if trial.wrong:
                    print(f"{series.value} {trial.what}: {trial.wrong}", file=sys.stderr)
                goal = "refused, nothing half-written" if trial.what.startswith("full") else "byte for byte"
                rows.append({"what": f"{series.value}: {trial.what}", "goal": goal,
                             "figure": trial.wrong or "as it should be", "met": not trial.wrong})
    return rows + list(runpy.run_path(str(RATES))["main"]())


if __name__ == "__main__":
    for row in main():
        print("met   " if row["met"] else "MISSED", row["what"], row["figure"] if not row["met"] else "")
