"""A slot's process does not outlive the matrix that started it: its lease would go on switching."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from cellbench.guardian.processes import mark_process, open_pidfd, wait_gone

CONTROLLER = """\
import multiprocessing, os, sys, time
sys.path.insert(0, {root!r})
from tests.campaign import test_controller_dies
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=test_controller_dies.child, args=(os.getpid(),))
    process.start()
    print(process.pid, flush=True)
    sys.stdin.read()
"""
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def child(controller: int) -> None:
    """What a slot's process does first; then it waits for orders that never come."""
    import threading

    from cellbench.session.interruptions import _end_with

    _end_with(controller)
    threading.Event().wait()


def test_it_dies_with_the_controller() -> None:
    process = subprocess.Popen([sys.executable, "-c", CONTROLLER.format(root=ROOT)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    mark = mark_process(int(process.stdout.readline()))
    assert mark is not None
    descriptor = open_pidfd(mark)
    assert descriptor is not None
    try:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert wait_gone(descriptor, 20.0)
    finally:
        os.close(descriptor)
        process.stdout.close()
        process.stdin.close()
