"""The harness of guests: one boots, has its serial line on a PTY, gives a status and leaves nothing."""

import os
import subprocess
import tty
from collections.abc import Callable
from typing import Any

import pytest

SCRIPT = """
until [ -e /mnt/go ]; do busybox usleep 20000; done
grep -q n_gsm /proc/modules
busybox stty -F /dev/ttyS0 raw -echo
exec 3<>/dev/ttyS0
echo ready
read -r line <&3
echo "got $line"
echo "answer to $line" >&3
"$PYTHON" -c 'print("python in the guest", open("/mnt/go").read())'
exit 7
"""


@pytest.fixture
def pty() -> Any:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def processes(word: str) -> list[str]:
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if word in line]


def test_a_guest_talks_over_its_line_and_leaves_nothing(guest: Callable[..., Any],
                                                        pty: tuple[int, str]) -> None:
    master, name = pty
    one = guest(SCRIPT, serial=name, modules=("n_gsm",))
    one.tell("go", "with a word")
    assert one.says("ready", 60), one.log()
    os.write(master, b"word\n")
    assert one.ended(60) == 7, one.log()
    assert "got word" in one.log()
    assert "python in the guest with a word" in one.log()
    assert os.read(master, 100) == b"answer to word\n"
    one.end()
    assert processes(str(one.work)) == []
