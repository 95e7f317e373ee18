"""flasher.command against real programs: what it runs, what it makes of their words, how it ends them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import Owner, RigError
from cellbench.instruments.flasher.model import Began, FlashJob, Progress, Said
from cellbench.instruments.flasher.settings import CommandFlasherSettings, filled
from cellbench.instruments.flasher.words import ToolWords
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("flasher.command",)
WAIT_S = 20.0
TELLS_ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"


def job(image="image.pac", **changes):
    return FlashJob(**{"slot": "a1", "image": Path(image), "sha256": "0" * 64, "version": "2.0", **changes})


def flasher(code, *arguments, **settings):
    """A tool that is a Python program; ``{image}`` is its first argument."""
    command = [sys.executable, "-c", code, "{image}", *arguments]
    return find_kind("flasher.command").open("tool1", {"command": command, **settings})


def run(tool, **changes):
    events = []
    return tool.flash(job(**changes), events.append), events


def test_arguments_arrive_as_they_are_with_placeholders_filled_in():
    odd = ["--port={port}", "$HOME `id`; rm -rf x", "{{x}}", "{location}/{rate}", "two  blanks"]
    ending, events = run(flasher(TELLS_ARGUMENTS, *odd), image="/a b/i.pac", port="/dev/ttyACM0",
                         location="1-4.2", rate_bit_s=921600)
    assert ending.passed
    said = b"".join(one.data for one in events if isinstance(one, Said))
    assert json.loads(said) == ["/a b/i.pac", "--port=/dev/ttyACM0", "$HOME `id`; rm -rf x", "{x}",
                                "1-4.2/921600", "two  blanks"]
    assert isinstance(events[0], Began)
    assert "'$HOME `id`; rm -rf x'" in events[0].command


def test_what_the_slot_does_not_say_is_missed_before_the_tool_runs():
    with pytest.raises(RigError, match=r"tool1 has \{port\}, and slot a1 does not say it"):
        run(flasher(TELLS_ARGUMENTS, "{port}"))


def test_progress_is_told_in_percent_and_once_each():
    code = r"print('0.4%\r7 %\r7 %\r\x1b[2K33,6 %\n\b\b(50%)\b\b140 %\n100%', end='')"
    ending, events = run(flasher(code, progress=r"([\d.,]+) ?%"))
    assert ending.passed
    assert [one.percent for one in events if isinstance(one, Progress)] == [0, 7, 34, 50, 100]


@pytest.mark.parametrize(("code", "owner", "words"), [
    ("print('Passed')", None, "Passed"),
    ("print('ERROR 168: other series'); print('Passed')", Owner.UNIT, "ERROR 168: other series"),
    ("import sys; print('no COM port'); sys.exit(1)", Owner.RIG, "no COM port"),
    ("import sys; print('half'); sys.exit(4)", Owner.UNIT, "exit code 4; it said: half"),
    ("import sys; sys.exit(6)", Owner.OPERATOR, "exit code 6; it said: nothing"),
    ("import sys; print('x'); sys.exit(9)", Owner.RIG, "exit code 9, which nothing explains; it said: x"),
    ("pass", Owner.RIG, "exit code 0 without a line like '^Passed$'; it said: nothing"),
    ("import os; os.kill(os.getpid(), 9)", Owner.RIG, "it was ended by signal 9; it said: nothing"),
    ("import os; os.kill(os.getpid(), 10)", Owner.RIG, "it was ended by signal 10; it said: nothing"),
], ids=["passed", "word of failure", "rig's word", "unit's code", "operator's code", "unknown code",
        "no word", "SIGKILL", "SIGUSR1"])
def test_words_and_codes_say_who_has_to_act(code, owner, words):
    tool = flasher(code, passed="^Passed$", exit_codes={"unit": [4], "operator": [6]},
                   failed=[{"says": "ERROR [0-9]+", "owner": "unit"},
                           {"says": "no COM port", "owner": "rig", "remedy": "plug it in"}])
    ending, _ = run(tool)
    assert (ending.owner, ending.words) == (owner, words)
    assert ending.remedy == ("plug it in" if "COM" in words else ending.remedy)


def test_a_program_that_is_not_there_is_missed_at_once():
    with pytest.raises(RigError, match=r"tool1 cannot be used: the program tool-of-nobody is not installed"):
        find_kind("flasher.command").open("tool1", {"command": ["tool-of-nobody", "{image}"]})


# -- ending it -------------------------------------------------------------------------------------

# starts a child of its own, tells both numbers, and both would stay for an hour
FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen(['sleep', '3600'])
print('family', os.getpid(), child.pid, flush=True)
"""
STAYS = FAMILY + "time.sleep(3600)\n"
DEAF = STAYS.replace("child =", "signal.signal(signal.SIGTERM, signal.SIG_IGN); child =")  # its child as well


def members(data):
    return [int(word) for word in data.decode().split("family")[1].split()[:2]]


def gone(pid):
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], WAIT_S)[0])
    finally:
        os.close(descriptor)


class Enough(Exception):
    pass


@pytest.mark.parametrize("code", [STAYS, DEAF], ids=["at SIGTERM", "at SIGKILL"])
def test_what_is_raised_on_the_way_ends_the_tool_and_all_that_it_started(code):
    said = []

    def tell(event):
        if isinstance(event, Said):
            said.append(event.data)
            raise Enough

    with pytest.raises(Enough):
        flasher(code).flash(job(), tell)
    assert all(map(gone, members(b"".join(said))))


def test_a_tool_that_hangs_is_ended_and_the_rigs():
    ending, _ = run(flasher("import time; time.sleep(3600)", timeout_s=0.3))
    assert ending.owner is Owner.RIG
    assert "had not ended after 0.3 s and was ended; it said: nothing" in ending.words
    assert not [one for one in psutil.Process().children() if "3600" in " ".join(one.cmdline())]


def test_what_a_tool_leaves_running_when_it_ends_is_ended_too():
    ending, events = run(flasher(FAMILY))
    assert ending.passed
    assert all(map(gone, members(b"".join(one.data for one in events if isinstance(one, Said)))))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 77), (signal.SIGKILL, -9)],
                         ids=["Ctrl-C", "killed"])
def test_the_tool_ends_with_the_run_that_flashes(tmp_path, number, code):
    """SIGINT goes to the run alone; of SIGKILL it cannot even tell."""
    program = tmp_path / "flashes.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from cellbench.instruments.flasher.model import FlashJob, Said\n"
        "from cellbench.instruments.kinds import find_kind\n"
        f"tool = find_kind('flasher.command').open('t', {{'command': [sys.executable, '-c', {STAYS!r}, "
        "'{image}']})\n"
        "def tell(event):\n"
        "    if isinstance(event, Said):\n"
        "        print(event.data.decode(), end='', flush=True)\n"
        "try:\n"
        "    tool.flash(FlashJob('a1', Path('i'), '', ''), tell)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(77)\n")
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE)
    line = process.stdout.readline()
    process.send_signal(number)
    assert process.wait(WAIT_S) == code
    process.stdout.close()
    assert all(map(gone, members(line)))


def test_a_tool_that_closes_its_output_is_waited_for():
    began = time.monotonic()
    ending, _ = run(flasher("import os, sys, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(4)",
                            exit_codes={"unit": [4]}))
    assert ending.owner is Owner.UNIT
    assert time.monotonic() - began >= 0.3


# -- reading ---------------------------------------------------------------------------------------


def words():
    return ToolWords(CommandFlasherSettings(kind="flasher.command", command=("t", "{image}"),
                                            progress=r"(\d+)%", passed="^OK$", failed=()))


@given(st.lists(st.integers(0, 100), max_size=20), st.lists(st.integers(1, 7), max_size=200))
def test_words_are_the_same_however_they_are_cut(percents, cuts):
    data = "".join(f"\x1b[32m{percent}%\r\n" for percent in percents).encode() + b"OK"
    whole, cut = words(), words()
    expected = [*whole.receive(data), *whole.end()]
    found, rest = [], data
    for size in cuts:
        found += cut.receive(rest[:size])
        rest = rest[size:]
    found += [*cut.receive(rest), *cut.end()]
    assert found == expected
    assert cut.ending(0) == whole.ending(0)
    assert whole.ending(0).passed


@given(st.binary(max_size=3000))
def test_any_bytes_are_taken(data):
    one = words()
    told = [*one.receive(data), *one.end()]
    assert all(0 <= percent <= 100 for percent in told)
    assert len(one.last) < 20_000


@given(st.text(max_size=50))
def test_braces_written_twice_are_braces(text):
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert filled(doubled + "{image}", {"image": "{port}"}) == text + "{port}"


@pytest.mark.parametrize(("settings", "why"), [
    ({"command": ["tool"]}, "not told the image"),
    ({"command": ["{image}", "{image}"]}, "the program itself takes no placeholder"),
    ({"command": ["tool", "{image}", "{password}"]}, r"no placeholder \{password\} in a command"),
    ({"command": ["tool", "{image!r}"]}, "a placeholder is a name alone"),
    ({"command": ["tool", "{image}", "{"]}, "a brace is written"),
    ({"command": ["tool", "{image}"], "progress": r"\d+%"}, "progress has no group"),
    ({"command": ["tool", "{image}"], "passed": "("}, "passed is no regular expression"),
    ({"command": ["tool", "{image}"], "failed": [{"says": "["}]}, r"failed\[0\].says is no regular"),
    ({"command": ["tool", "{image}"], "exit_codes": {"unit": [0]}}, "exit code 0 is given twice"),
])
def test_settings_that_cannot_be_are_refused(settings, why):
    with pytest.raises(RigError, match=why):
        find_kind("flasher.command").open("tool1", settings)
