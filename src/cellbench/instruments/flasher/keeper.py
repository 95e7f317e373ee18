"""A small program between a run and a flashing tool: the tool ends with the run, whatever ends the run.

    python keeper.py DESCRIPTOR COMMAND...

The descriptor is the reading end of a pipe whose other end the run alone holds, so that it ends when the run
is killed, which nobody could otherwise tell the tool's own children. Run by its path, without site packages.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

GRACE_S = 2.0
_NOT_RUN = 126  # as shells have it
_POLL_S = 0.02


def main(arguments: list[str]) -> int:
    """Run the command to its end; its exit code. A signal that ends it ends this program too."""
    # caught and not ignored: what is ignored stays so in the tool
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    life = int(arguments[0])
    os.set_inheritable(life, False)
    try:
        child = subprocess.Popen(arguments[1:])
    except OSError as error:
        print(f"{arguments[1]} cannot be run: {error.strerror}", file=sys.stderr)
        return _NOT_RUN
    over = os.pidfd_open(child.pid)
    if over not in select.select([life, over], [], [])[0]:
        end_group(child)
    code = child.wait()
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End the tool and all that it started, this program among them."""
    os.killpg(0, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while child.poll() is None and time.monotonic() < until:
        time.sleep(_POLL_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
