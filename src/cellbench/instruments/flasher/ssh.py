"""A flashing tool on another host, by the system's ssh and scp (OpenSSH's manual pages ssh(1), scp(1)).

BatchMode: nothing is ever asked, so keys or an agent must be there, and a host whose key is not known is
refused. The image is copied before the module is touched. On that host a shell reads the command line, as ssh
has it; each argument is quoted for it, and one that its quoting cannot hold is refused.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from cellbench.base.errors import RigError
from cellbench.instruments.flasher.child import TimedOut, run_child
from cellbench.instruments.flasher.command import arguments, find_program, no_pins, run_tool
from cellbench.instruments.flasher.model import Ending, FlashJob, Tell
from cellbench.instruments.flasher.settings import SshFlasherSettings
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import checked

KIND = "flasher.ssh"
_SSH_FAILED = 255  # ssh(1), EXIT STATUS: 255 if an error occurred, else that of the remote command
_ALIVE_CHECKS = 3
_COPY_BYTES_S = 50_000  # slower is taken for a dead link
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9_.\-]+")
# cmd.exe expands %NAME% and !NAME! inside quotes too; a quote has no escape that all programs agree on
_NOT_FOR_CMD = re.compile(r'["%!\r\n\0]')
_LAST_BACKSLASHES = re.compile(r"\\+$")


class SshFlasher:
    """A program on another host; for one thread at a time."""

    __slots__ = ("_scp", "_settings", "_ssh", "is_here", "is_told_the_place", "name")

    def __init__(self, name: str, settings: SshFlasherSettings) -> None:
        """Reaches the host; RigError when ssh is not there, or the host refuses or does not answer."""
        self.name = name
        self.is_here = False
        self.is_told_the_place = bool({"port", "location"} & settings.used())
        self._settings = settings
        self._ssh, self._scp = find_program(name, "ssh"), find_program(name, "scp")
        self._run([*self._ssh_command(), "exit 0"], 2 * settings.connect_s, "be reached")

    def identity(self) -> str:
        """The program and its host."""
        return f"{self._settings.command[0]} at {self._where()}"

    def flash(self, job: FlashJob, tell: Tell) -> Ending:
        """Copy the image, run the program there to its end; what ``tell`` raises ends it and comes out of
        here."""
        settings = self._settings
        image = self._copy(job)
        line = command_line(self.name, settings.shell,
                            [settings.command[0], *arguments(self.name, settings, job, image)])
        terminal = ["-tt"] if settings.terminal else []
        command = [*self._ssh_command(*terminal), line]
        ending = run_tool(self.name, command, f"{self._where()}: {line}", settings, tell)
        if ending.exit_code == _SSH_FAILED:
            raise self._error(f"the connection failed: {ending.words}")
        return ending

    def close(self) -> None:
        """Nothing is held open."""

    def _copy(self, job: FlashJob) -> str:
        """Bring the image there, under a name that belongs to its content; its path there."""
        name = f"cellbench-{job.sha256[:12]}-{_UNSAFE_NAME.sub('_', job.image.name)}"
        folder = self._settings.directory
        paths = posixpath if self._settings.shell == "posix" else ntpath
        there = paths.join(folder, name) if folder else name
        # scp's protocol is SFTP, whose paths have slashes on Windows too (sftp-server, path handling)
        target = f"{self._address()}:{there.replace(chr(92), '/') if paths is ntpath else there}"
        seconds = 2 * self._settings.connect_s + job.image.stat().st_size / _COPY_BYTES_S
        self._run([self._scp, "-q", *self._options("-P"), str(job.image.absolute()), target], seconds,
                  f"take the image into {folder or 'the home directory'}")
        return there

    def _run(self, command: list[str], seconds: float, what: str) -> None:
        said = bytearray()
        try:
            code = run_child(command, said.extend, seconds)
        except TimedOut:
            raise self._error(f"{self._where()} could not {what} within {seconds:.0f} s") from None
        if code:
            words = " / ".join(said.decode("utf-8", "replace").split("\n")).strip(" /") or "no word"
            raise self._error(f"{self._where()} cannot {what}: {words}")

    def _ssh_command(self, *more: str) -> list[str]:
        return [self._ssh, *self._options("-p"), *more, "--", self._address()]

    def _options(self, port_letter: str) -> list[str]:
        settings = self._settings
        wait = str(max(1, round(settings.connect_s)))
        options = {"BatchMode": "yes", "StrictHostKeyChecking": "yes", "ConnectTimeout": wait,
                   "ServerAliveInterval": str(max(1, round(settings.connect_s / _ALIVE_CHECKS))),
                   "ServerAliveCountMax": str(_ALIVE_CHECKS), "ClearAllForwardings": "yes",
                   "LogLevel": "ERROR"}
        if settings.known_hosts is not None:
            options["UserKnownHostsFile"] = str(Path(settings.known_hosts).expanduser())
        found = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        if settings.ssh_port is not None:
            found += [port_letter, str(settings.ssh_port)]
        if settings.identity_file is not None:
            found += ["-o", "IdentitiesOnly=yes", "-i", str(Path(settings.identity_file).expanduser())]
        return found

    def _address(self) -> str:
        user = f"{self._settings.user}@" if self._settings.user else ""
        host = self._settings.host
        return f"{user}[{host}]" if ":" in host else f"{user}{host}"

    def _where(self) -> str:
        return f"{self._settings.user}@{self._settings.host}" if self._settings.user else self._settings.host

    def _error(self, what: str) -> RigError:
        return RigError(f"instrument {self.name} cannot be used: {what}",
                        remedy=f"try `ssh -o BatchMode=yes {self._where()}` by hand: keys, host key, network")


def command_line(name: str, shell: str, words: list[str]) -> str:
    """Words as one line that the shell of the other host takes apart into the same words again.

    RigError for a word that the shell cannot be given.
    """
    if shell == "posix":
        return shlex.join(words)
    bad = next((word for word in words if _NOT_FOR_CMD.search(word)), None)
    if shell == "cmd":
        if bad is not None:
            raise RigError(f"instrument {name}: cmd.exe cannot be given {bad!r}",
                           remedy="avoid quotes, % and ! in the command, or set shell: powershell there")
        # a backslash before the closing quote would escape it in the program's own reading of its line
        return " ".join('"' + _LAST_BACKSLASHES.sub(lambda end: end[0] * 2, word) + '"' for word in words)
    bad = next((word for word in words if re.search(r'["\r\n\0]', word)), None)
    if bad is not None:  # Windows PowerShell drops double quotes on the way to a program
        raise RigError(f"instrument {name}: PowerShell cannot be given {bad!r}",
                       remedy="avoid double quotes and line ends in the command")
    quoted = " ".join("'" + word.replace("'", "''") + "'" for word in words)
    return f"& {quoted}; exit $LASTEXITCODE"


def _opener(name: str, settings: Mapping[str, object]) -> SshFlasher:
    return SshFlasher(name, checked(SshFlasherSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"flasher:{settings['host']}:{settings.get('ssh_port') or 22}"


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.FLASHER, settings=SshFlasherSettings, open=_opener,
    equipment=_equipment, pins=no_pins,
    models=("any program on a host with an OpenSSH server, Windows' own among them",),
    source="OpenSSH 9.2: ssh(1), scp(1), ssh_config(5); command line and its words are the rig file's",
    abilities=frozenset({Ability.FLASH, Ability.TELL_PROGRESS}),
    doubts="tried against OpenSSH's server on Linux; its server on Windows, cmd.exe and PowerShell by their "
           "documents alone",),)
