"""Dial-up ended by Debian's pppd and the kernel's own PPP, in network and mount namespaces of its own.

The user-space end (host.ppp) is the ordinary one. This one is for what only a whole operating system shows,
where the host has it: the kernel with PPP, root, a port that is a device node. Interface, routes, secrets and
resolver live in the namespaces and vanish with them; nothing of the host changes.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from cellbench.base.errors import CellbenchError, NotPossible
from cellbench.host.channel import Channel
from cellbench.host.datamode import DataMode
from cellbench.host.ppp_model import PppAuth, PppAuthRefused, PppDial, PppFailed

_PROGRAMS = ("pppd", "unshare", "nsenter")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
# pppd(8): exit codes
_NO_KERNEL, _AUTH_FAILED = 4, 19
_END_S = 30.0
_REST_S = 0.3
_ADDRESS = re.compile(r"local +IP address (\S+)")
_PEER = re.compile(r"remote IP address (\S+)")
_DNS = re.compile(r"(?:primary|secondary) +DNS address (\S+)")
# A file system of its own over /etc/ppp: no secrets, options or scripts of the host are read or written.
_INSIDE = """
mount -t tmpfs -o mode=700 none /etc/ppp
umask 077
cat >/etc/ppp/pap-secrets
cp /etc/ppp/pap-secrets /etc/ppp/chap-secrets
: >/etc/ppp/options
: >/etc/ppp/resolv.conf
mount --bind /etc/ppp/resolv.conf /etc/resolv.conf
exec pppd "$@"
"""


def pppd_lacks(channel: Channel) -> str:
    """What this host or port lacks for pppd, in words; "" when nothing."""
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"no {', '.join(missing)} on this host"
    if os.geteuid() != 0:
        return "namespaces and the kernel's PPP take root"
    if not Path(channel.port_name).is_char_device():
        return f"{channel.port_name} is no device node"
    if not _kernel_has_ppp():
        return "this host's kernel has no PPP"
    return ""


def _kernel_has_ppp() -> bool:
    with contextlib.suppress(OSError):
        if " ppp\n" in Path("/proc/devices").read_text():
            return True
    modprobe = shutil.which("modprobe", path=_PATH)
    return modprobe is not None and subprocess.run([modprobe, "-n", "-q", "ppp_generic"], timeout=10,
                                                   check=False).returncode == 0


class PppdLink:
    """One data call with pppd at this end. ``address``, ``peer`` and ``dns`` are what pppd said; ``log`` all
    that it said, the password not among it."""

    def __init__(self, channel: Channel, dial: PppDial) -> None:
        self.channel = channel
        self.dial = dial
        self.log = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._data: DataMode | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> PppdLink:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.hang_up()

    @property
    def address(self) -> str:
        """The host's IPv4 address, "" while there is none."""
        return self._said(_ADDRESS)

    @property
    def peer(self) -> str:
        """The module's."""
        return self._said(_PEER)

    @property
    def dns(self) -> tuple[str, ...]:
        """The DNS servers that the module named."""
        return tuple(_DNS.findall(self.log))

    def open(self) -> None:
        """Dial and let pppd negotiate. Raises NotPossible with the reason, what the dial is refused with,
        PppAuthRefused, PppFailed."""
        lacking = pppd_lacks(self.channel)
        if lacking:
            raise NotPossible(f"pppd cannot be used: {lacking}",
                              remedy="use the user-space end: dut.ppp()")
        self._data = self.channel.open_data(self.dial.line)
        self._held.enter_context(self.channel.paused())
        try:
            self._start()
            self._await_address()
        except BaseException:
            self.hang_up()
            raise

    def run(self, *command: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[bytes]:
        """A program in the link's namespaces: its network is the module's. Raises PppFailed when the link
        is over; subprocess.TimeoutExpired."""
        if self._process is None or self._process.poll() is not None:
            raise PppFailed(f"{self.dial.line}: pppd has ended: {self._last_words()}")
        into = ["nsenter", "--target", str(self._process.pid), "--net", "--mount", "--", *command]
        return subprocess.run(into, capture_output=True, timeout=timeout_s, check=False,
                              env={**os.environ, "PATH": _PATH})

    def hang_up(self) -> None:
        """End in order: pppd terminates the link; the port takes commands again. Hanging up twice is
        allowed. Raises AtTimeout when the module does not answer afterwards."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            self._drain(process, _END_S)
        self._held.close()
        data, self._data = self._data, None
        if data is not None:
            data.end()
            self.channel.sync(_END_S)

    # -- inside ------------------------------------------------------------------------------------------

    def _options(self) -> list[str]:
        dial = self.dial
        # no more than what the call is declared with: routes and DNS are the namespace's own
        options = [self.channel.port_name, "nodetach", "local", "noauth", "noipdefault", "usepeerdns",
                   "defaultroute", "mru", str(dial.mru), "+ipv6" if dial.ipv6 else "noipv6"]
        options += ["user", dial.user] if dial.user else []
        options += [f"refuse-{way.value}" for way in PppAuth if way not in dial.auth]
        return options

    def _start(self) -> None:
        self.channel.secrets.learn(self.dial.password.encode())
        # one process from here on: unshare, the shell and pppd follow each other in it
        command = ["unshare", "--net", "--mount", "--", "sh", "-euc", _INSIDE, "sh", *self._options()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, env={**os.environ, "PATH": _PATH})
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as secrets:
            if self.dial.user:
                secrets.write(f"{_quoted(self.dial.user)} * {_quoted(self.dial.password)} *\n".encode())

    def _await_address(self) -> None:
        process = self._process
        assert process is not None
        until = time.monotonic() + self.dial.timeout_s
        while not (self.address and self.peer):
            left = until - time.monotonic()
            if left <= 0:
                raise PppFailed(f"{self.dial.line}: pppd has no address after {self.dial.timeout_s:g} s: "
                                f"{self._last_words()}")
            if not self._read(process, left) and process.poll() is not None:
                raise self._failed(process.returncode)
        while self._read(process, _REST_S):
            pass  # the DNS servers come behind the addresses

    def _failed(self, status: int) -> CellbenchError:
        said = f"{self.dial.line}: pppd ended with {status}: {self._last_words()}"
        if status == _AUTH_FAILED:
            return PppAuthRefused(said, remedy="look at user and password of the APN")
        return NotPossible(said) if status == _NO_KERNEL else PppFailed(said)

    def _read(self, process: subprocess.Popen[bytes], timeout_s: float) -> bool:
        """Take what pppd says; False when it said nothing, or will say no more."""
        output: IO[bytes] | None = process.stdout
        assert output is not None
        if not select.select([output], [], [], timeout_s)[0]:
            return False
        said = os.read(output.fileno(), 65_536)
        if not said:
            process.wait(_END_S)
        self.log += self.channel.secrets.redact(said).decode("utf-8", "replace")
        return bool(said)

    def _drain(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        while process.poll() is None and time.monotonic() < until:
            self._read(process, 0.2)
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _said(self, pattern: re.Pattern[str]) -> str:
        found = pattern.search(self.log)
        return found.group(1) if found else ""

    def _last_words(self) -> str:
        return " / ".join(self.log.splitlines()[-3:]) or "it said nothing"


def _quoted(word: str) -> str:
    """A word of pppd's secrets file."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
