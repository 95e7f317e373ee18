"""flasher.ssh against OpenSSH's own server on loopback, with keys made for the test."""

from __future__ import annotations

import getpass
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import Owner, RigError
from cellbench.instruments.flasher.model import Began, FlashJob, Progress, Said
from cellbench.instruments.flasher.ssh import command_line
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("flasher.ssh",)
WAIT_S = 30.0
IMAGE = bytes(range(256)) * 64
TELLS = "import json, sys; print(json.dumps([sys.argv[1:], open(sys.argv[1], 'rb').read().hex()]))"


def program(name):
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.fail(f"the foreign peer {name} is not installed (Debian: openssh-server, openssh-client)")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of OpenSSH's on this host."""
    yield from serve(tmp_path_factory.mktemp("sshd"))


def serve(place):
    """Gives the settings that reach a server of OpenSSH's on this host, which this user enters with a key."""
    for key in ("host", "user", "other"):
        command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(place / key)]
        subprocess.run(command, check=True)
    (place / "authorized").write_text((place / "user.pub").read_text())
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (place / "known").write_text(f"[127.0.0.1]:{port} {(place / 'host.pub').read_text()}")
    (place / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n"
        "Subsystem sftp internal-sftp\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8): privilege separation needs it
    log = (place / "log").open("wb")
    process = subprocess.Popen([program("sshd"), "-D", "-e", "-f", str(place / "config")], stderr=log)
    log.close()
    try:
        await_server(port, process, place / "log")
        (place / "images").mkdir()
        yield {"host": "127.0.0.1", "ssh_port": port, "user": getpass.getuser(),
               "identity_file": str(place / "user"), "known_hosts": str(place / "known"),
               "directory": str(place / "images"), "place": place}
    finally:
        process.terminate()
        process.wait(WAIT_S)


def await_server(port, process, log):
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)


@pytest.fixture
def opened(server):
    """``opened(code, *arguments, **settings)``: a tool that is a Python program on that host."""

    def make(code, *arguments, **settings):
        given = {key: value for key, value in server.items() if key != "place"}
        command = [sys.executable, "-c", code, "{image}", *arguments]
        return find_kind("flasher.ssh").open("tool1", {**given, "command": command, **settings})

    return make


@pytest.fixture
def job(tmp_path):
    image = tmp_path / "an image's.pac"
    image.write_bytes(IMAGE)
    return FlashJob("a1", image, "0123456789abcdef" * 4, "2.0", port="COM7")


def test_image_and_arguments_arrive_whole(opened, job, server):
    odd = ["--port={port}", "$HOME `id`; exit 3", "it's", "two  blanks", "*"]
    events = []
    ending = opened(TELLS, *odd).flash(job, events.append)
    assert ending.passed
    said = b"".join(one.data for one in events if isinstance(one, Said)).decode()
    there = f"{server['directory']}/cellbench-0123456789ab-an_image_s.pac"
    assert f'[["{there}", "--port=COM7", "$HOME `id`; exit 3", "it\'s", "two  blanks", "*"]' in said
    assert IMAGE.hex() in said
    assert isinstance(events[0], Began)
    assert "identity" not in events[0].command


def test_progress_words_and_codes_come_through(opened, job):
    code = ("import sys, time\nprint('5 %', end='\\r'); print('90 %', end='\\r'); print('refused: 168')\n"
            "sys.exit(4)")
    events = []
    ending = opened(code, progress=r"(\d+) %", exit_codes={"unit": [4]}).flash(job, events.append)
    assert (ending.owner, ending.exit_code) == (Owner.UNIT, 4)
    assert ending.words.endswith("refused: 168")
    assert [one.percent for one in events if isinstance(one, Progress)] == [5, 90]


def test_a_tool_that_is_given_up_ends_on_the_other_host_too(opened, job):
    """The server's child is no child of ours: the terminal's end reaches it."""
    code = ("import os, subprocess, time\nchild = subprocess.Popen(['sleep', '3600'])\n"
            "print('family', os.getpid(), child.pid, flush=True)\ntime.sleep(3600)")
    said = []

    class Enough(Exception):
        pass

    def tell(event):
        if isinstance(event, Said):
            said.append(event.data)
            if b"\n" in b"".join(said).partition(b"family")[2]:
                raise Enough

    tool = opened(code)
    with pytest.raises(Enough):
        tool.flash(job, tell)
    numbers = b"".join(said).split(b"family")[1].split()[:2]
    assert all(gone(int(number)) for number in numbers)


def gone(pid):
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], WAIT_S)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("settings", "why"), [
    ({"identity_file": "{place}/other"}, "Permission denied"),
    ({"known_hosts": "/dev/null"}, "Host key verification failed"),
    ({"ssh_port": 1}, "Connection refused"),
], ids=["key", "host key", "no server"])
def test_a_host_that_is_not_to_be_had_is_the_rigs_before_anything_is_flashed(opened, server, settings, why):
    given = {key: value.format(**server) if isinstance(value, str) else value
             for key, value in settings.items()}
    with pytest.raises(RigError, match=why) as caught:
        opened(TELLS, **given)
    assert caught.value.message.startswith("instrument tool1 cannot be used")
    assert "ssh -o BatchMode=yes" in caught.value.remedy


def test_a_directory_that_is_not_there_is_told_before_the_tool_runs(opened, job):
    events = []
    with pytest.raises(RigError, match="cannot take the image into /nowhere/at/all"):
        opened(TELLS, directory="/nowhere/at/all").flash(job, events.append)
    assert events == []


def test_a_program_that_is_not_there_is_the_rigs(opened, job):
    ending = opened(TELLS, command=["tool-of-nobody", "{image}"]).flash(job, lambda event: None)
    assert (ending.owner, ending.exit_code) == (Owner.RIG, 127)
    assert "tool-of-nobody" in ending.words


# -- command lines ---------------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1))
def test_posix_lines_are_taken_apart_into_the_same_words(words):
    assert shlex.split(command_line("t", "posix", words)) == words


# the rules of Microsoft's C runtime for a program's command line ("Parsing C command-line arguments")
def windows_words(line):
    found, word, quoted, slashes = [], None, False, 0
    for one in line:
        if one == "\\":
            slashes += 1
            continue
        if one == '"':
            word = (word or "") + "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
        else:
            word = (word + "\\" * slashes) if word is not None else "\\" * slashes or None
            if one == " " and not quoted:
                if word is not None:
                    found.append(word)
                word = None
            else:
                word = (word or "") + one
        slashes = 0
    word = (word + "\\" * slashes) if word is not None else "\\" * slashes or None
    return [*found, word] if word is not None else found


@given(st.lists(st.text(st.sampled_from("aZ &|<>^()\\;,='$`-/é"), min_size=1), min_size=1))
def test_lines_for_cmd_are_taken_apart_into_the_same_words_and_all_is_quoted(words):
    line = command_line("t", "cmd", words)
    assert windows_words(line) == words
    outside = line.split('"')[0::2]
    assert all(part.strip() == "" for part in outside), "cmd.exe reads & | < > ^ outside quotes"


@given(st.lists(st.text(st.sampled_from("aZ &|<>^()\\;,='$`-/é"), min_size=1), min_size=1))
def test_lines_for_powershell_are_single_quoted_words_and_the_programs_code(words):
    line = command_line("t", "powershell", words)
    assert line.startswith("& '")
    assert line.endswith("'; exit $LASTEXITCODE")
    inner = line.removeprefix("& ").removesuffix("; exit $LASTEXITCODE")
    # about_Quoting_Rules: within single quotes all is literal, and two quotes are one
    assert [word.replace("''", "'") for word in re.findall(r"'((?:[^']|'')*)'(?: |$)", inner)] == words


@pytest.mark.parametrize(("shell", "word"), [("cmd", "100%PATH%"), ("cmd", 'a"b'), ("cmd", "a!b"),
                                             ("powershell", 'a"b'), ("powershell", "a\nb")])
def test_words_that_a_shell_of_windows_cannot_be_given_are_refused(shell, word):
    with pytest.raises(RigError, match="cannot be given"):
        command_line("t", shell, ["tool.exe", word])
