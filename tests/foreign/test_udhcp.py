"""The USB network function judged by busybox's DHCP client and server and by the kernel's network stack."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PEERS = Path(__file__).parent / "peers"


def run_in_namespace(peer: str, directory: Path) -> dict[str, Any]:
    """A peer program in a network namespace of its own; what it found."""
    for tool in ("unshare", "busybox", "ip"):
        if shutil.which(tool) is None:
            pytest.fail(f"the foreign peer {tool} is not installed")
    done = subprocess.run(["unshare", "--net", sys.executable, str(PEERS / peer), str(directory)],
                          capture_output=True, text=True, timeout=180, check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip(f"NOT_POSSIBLE: {done.stderr.strip()}")
    if "/dev/net/tun" in done.stderr:
        pytest.skip(f"NOT_POSSIBLE: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_bridge_and_router_carry_the_kernels_traffic(tmp_path):
    found = run_in_namespace("usb_lan.py", tmp_path)
    bridge, router = found["bridge"], found["router"]
    assert bridge["held"] == bridge["granted"], "in bridge mode the network's address is the host's"
    assert router["held"] != router["granted"]
    assert ipaddress.ip_address(router["held"]) in ipaddress.ip_network("192.168.0.0/16")
    for mode in (bridge, router):
        assert mode["tcp"]
        assert mode["ping"]
        assert len(mode["resolvers"]) == 2
    assert not found["left"], "the interface outlives the rack"


def test_an_offer_is_asked_for_and_nothing_is_changed(tmp_path):
    found = run_in_namespace("dhcp_server.py", tmp_path)
    assert found.pop("silent")
    assert found == {"address": "10.7.0.20", "netmask": "255.255.255.128", "routers": ["10.7.0.1"],
                     "resolvers": ["10.7.0.2", "10.7.0.3"], "state": "DOWN", "addresses": []}
