"""The kernel's own TCP/IP as the judge of the user-space end, over a tun device in a namespace of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PEER = Path(__file__).resolve().parent / "peers" / "kernel_ip.py"


@pytest.fixture(scope="module")
def seen() -> dict:  # type: ignore[type-arg]
    """What happened between the two."""
    if shutil.which("unshare") is None:
        pytest.fail("the foreign peer unshare (util-linux) is not installed")
    done = subprocess.run(["unshare", "--net", sys.executable, str(PEER)], capture_output=True, text=True,
                          timeout=240, check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"NOT_POSSIBLE: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict = json.loads(done.stdout.splitlines()[-1])  # type: ignore[type-arg]
    if "not_possible" in found:
        pytest.skip(f"NOT_POSSIBLE: {found['not_possible']}")
    return found


def test_tcp(seen) -> None:  # type: ignore[no-untyped-def]
    """300 kB each way byte for byte, and an orderly end."""
    assert seen["tcp"] == [True, "TIME_WAIT", 0]
    same, state, again = seen["tcp_lossy"]
    assert (same, state) == (True, "TIME_WAIT")
    assert again > 0, "nothing was lost"


def test_refusals(seen) -> None:  # type: ignore[no-untyped-def]
    assert seen["refused"] == "REFUSED"
    (said,) = seen["udp_refused"]
    assert said.startswith("10.9.0.1: destination unreachable")


def test_echoes_and_datagrams(seen) -> None:  # type: ignore[no-untyped-def]
    assert seen["ping"] == [True] * 5
    assert seen["pinged_by_kernel"] == "0", "an echo reply"
    assert seen["udp"] == ["to the kernel", True, "lenrek eht ot"]
    assert seen["broken"] == 0


def test_ipv6(seen) -> None:  # type: ignore[no-untyped-def]
    if isinstance(seen["tcp6"], str):
        pytest.skip(f"NOT_POSSIBLE: {seen['tcp6']}")
    assert seen["tcp6"] == [True, "TIME_WAIT"]
    assert seen["ping6"]
