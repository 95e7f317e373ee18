"""Processes: marks that outlive numbers, pidfds, the parent's death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from cellbench.guardian.processes import (
    ProcessMark,
    is_running,
    mark_process,
    open_pidfd,
    user_name,
    wait_gone,
)

CHILD = "import time; print('up', flush=True); time.sleep(600)"

PARENT = """
import os, subprocess, sys, time
code = "import os, sys, time\\nfrom cellbench.guardian.processes import set_parent_death_signal\\n"
code += "set_parent_death_signal(int(sys.argv[1]))\\nprint(os.getpid(), flush=True)\\ntime.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code, sys.argv[1] if len(sys.argv) > 1 else str(os.getpid())])
print("ended", child.wait(), flush=True)
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_mark_is_of_this_process_and_no_later_one():
    with start(CHILD) as child:
        child.stdout.readline()
        mark = mark_process(child.pid)
        assert mark is not None
        assert is_running(mark)
        assert open_pidfd(ProcessMark(mark.pid, mark.started + 1)) is None
        pidfd = open_pidfd(mark)
        assert not wait_gone(pidfd, 0.0)
        child.kill()
        assert wait_gone(pidfd, 5.0)
        assert not is_running(mark)  # a zombie does not run
        assert mark_process(child.pid) is None
        os.close(pidfd)
    assert open_pidfd(mark) is None


def test_a_child_dies_with_its_parent():
    with start(PARENT) as parent:
        mark = mark_process(int(parent.stdout.readline()))
        pidfd = open_pidfd(mark)
        parent.kill()
        assert wait_gone(pidfd, 5.0)
        os.close(pidfd)


def test_a_child_whose_parent_died_before_it_asked_ends_itself():
    with start(PARENT, "1") as parent:  # a parent that is not its own
        assert parent.stdout.readline() == f"ended {-signal.SIGKILL}\n"


def test_users_have_names():
    assert user_name(0) == "root"
    assert user_name(54321) == "54321"
