"""Debian's pppd on the Linux kernel's own PPP against the module's end: negotiation, ping, TCP, the end.

A kernel in a process (user-mode-linux, see uml.py) has the UART of each series on a PTY. It has no IPv6
sockets: pppd negotiates IPv6CP to its end there and can only not configure what came of it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.virtual.control.client import request

MODULES = ("crc-ccitt", "slhc", "ppp_generic", "ppp_async")
SCRIPT = r"""
busybox mount -t tmpfs etc /etc/ppp
umask 77
printf 'me * pw *\nwrong * other *\n' >/etc/ppp/pap-secrets
echo 'me * pw *' >/etc/ppp/chap-secrets
: >/etc/ppp/options
: >/etc/ppp/resolv.conf
busybox mount --bind /etc/ppp/resolv.conf /etc/resolv.conf

dial() { # line, name, user, chat's words
  chat="TIMEOUT 5 '' AT OK-AT-OK-AT-OK-AT-OK ATE0 ABORT 'NO CARRIER' ABORT ERROR TIMEOUT 20 OK $4 CONNECT ''"
  pppd $1 115200 updetach local nocrtscts noauth noipdefault defaultroute usepeerdns +ipv6 user $3 \
    debug logfile /mnt/$2.log connect "chat -s -v $chat" </dev/null >/mnt/$2.out 2>&1
}
hang_up() { # name
  pid=$(cat /run/ppp0.pid)
  kill $pid
  while [ -e /proc/$pid ]; do busybox usleep 20000; done
}
visit() { # name
  busybox ip addr show ppp0 >/mnt/$1.addr
  cat /etc/ppp/resolv.conf >/mnt/$1.dns
  busybox ping -c 3 -i 0.1 -W 10 216.239.59.147 >/mnt/$1.ping
  busybox ping -c 1 -s 3000 -W 10 8.8.8.8 >/mnt/$1.pieces
  curl -sS -m 30 http://httpbin.org/ -o /mnt/$1.page
  busybox dd if=/bin/busybox of=$TMPDIR/sent bs=1024 count=64 2>/dev/null
  busybox timeout 30 busybox nc 195.34.89.241 7 <$TMPDIR/sent >$TMPDIR/back
  cmp $TMPDIR/sent $TMPDIR/back && echo same >/mnt/$1.echo
}

r8="'AT+CGDCONT=1,\"IP\",\"internet.wind.biz\"' OK 'AT+UAUTHREQ=1,1,\"me\",\"pw\"' OK"
r6="'AT+CGDCONT=2,\"IPV4V6\",\"APN2\"' OK 'AT+UAUTHREQ=2,2,\"pw\",\"me\"' OK"
dial /dev/ttyS0 r8 me "$r8 'ATD*99***1#'"
visit r8
hang_up
dial /dev/ttyS0 again me "'ATD*99***1#'"
hang_up
dial /dev/ttyS1 r6 me "$r6 'ATD*99***2#'"
visit r6
hang_up
dial /dev/ttyS0 wrong wrong "'ATD*99***1#'" || echo $? >/mnt/wrong.status
"""
AUTHENTICATION_FAILED = 19  # pppd(8): "The PPP negotiation failed ... failed to authenticate ourselves"
HOST = {"r8": re.compile(r"inet 192\.168\.201\.1 peer 192\.168\.201\.2"),
        "r6": re.compile(r"inet 10\.[0-9.]+ peer 10\.[0-9.]+\.254")}
METHOD = {"r8": "PAP authentication succeeded", "r6": "CHAP authentication succeeded"}
MTU = {"r8": "mtu 1500", "r6": "mtu 1430"}


MUX_SCRIPT = r"""
busybox mount -t tmpfs etc /etc/ppp
: >/etc/ppp/options
: >/etc/ppp/resolv.conf
busybox mount --bind /etc/ppp/resolv.conf /etc/resolv.conf
cat >/mnt/visit <<'END'
busybox ping -c 3 -i 0.1 -W 10 216.239.59.147 >/mnt/$1.ping
curl -sS -m 30 http://httpbin.org/ -o /mnt/$1.page
busybox dd if=/bin/busybox of=$TMPDIR/sent bs=1024 count=32 2>/dev/null
busybox timeout 30 busybox nc 195.34.89.241 7 <$TMPDIR/sent >$TMPDIR/back
cmp $TMPDIR/sent $TMPDIR/back && echo same >/mnt/$1.echo
END
"$PYTHON" -S -E {program} /dev/ttyS0 512 /mnt/visit >/mnt/said 2>&1
"""


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A rack of three modules on PTYs."""
    if shutil.which("pppd", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.fail("the foreign peer pppd is not installed (Debian's package ppp)")
    directory = tmp_path_factory.mktemp("pppd") / "rack"
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "r8=LENA-R8", "--slot",
               "r6=LARA-R6", "--slot", "mux=LARA-R6", "--powered", "--uart", "pty", "--dir", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    yield {**json.loads(process.stdout.readline()), "directory": directory}
    process.terminate()
    process.wait(30)
    process.stdout.close()


def report(rack: Any, slot: str, **values: str) -> dict[str, str]:
    """What the control room says."""
    text = str(request(rack["directory"], "report", values, slot=slot)["text"])
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture(scope="module")
def guests(rack: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Two kernels at the same time: pppd on the lines of both series, pppd on a channel of a third line."""
    lines = [str(Path(slot["uart"]).resolve()) for slot in rack["slots"]]
    request(rack["directory"], "network", {"pdp": "ipv4v6"}, slot="r6")
    program = Path(__file__).with_name("peers") / "ppp_over_mux.py"
    kernel = sys.modules["cellbench_foreign_uml"].Guest
    work = tmp_path_factory.mktemp("guests")
    running = {
        "lines": kernel(work / "lines", SCRIPT, serial=tuple(lines[:2]), modules=MODULES),
        "channel": kernel(work / "channel", MUX_SCRIPT.replace("{program}", str(program)), serial=lines[2],
                          modules=("n_gsm", *MODULES))}
    yield running
    for one in running.values():
        one.end()


def test_pppd_dials_pings_fetches_and_dials_again(rack: Any, guests: dict[str, Any]) -> None:
    one = guests["lines"]
    assert one.ended(120) == 0, one.log()

    def said(name: str) -> str:
        return str(one.file(name).read_text("utf-8", "replace"))

    for series in ("r8", "r6"):
        log = said(f"{series}.log")
        assert METHOD[series] in log
        assert HOST[series].search(said(f"{series}.addr")), said(f"{series}.addr")
        assert MTU[series] in said(f"{series}.addr")
        assert said(f"{series}.dns") == "nameserver 10.80.0.53\nnameserver 10.80.0.54\n"
        assert "3 packets received" in said(f"{series}.ping")
        assert "ttl=115" in said(f"{series}.ping")  # as the LARA-R6 guide prints it of that host
        assert "3008 bytes from 8.8.8.8" in said(f"{series}.pieces")
        assert "httpbin" in said(f"{series}.page")
        assert said(f"{series}.echo") == "same\n"
        assert "rcvd [LCP TermAck" in log
    assert "local  IP address 192.168.201.1" in said("again.log")
    assert "rcvd [IPV6CP ConfAck" in said("r6.log")  # both directions, before pppd wants a socket for it
    assert "sent [IPV6CP ConfAck" in said("r6.log")
    assert "Protocol-Reject for 'IPv6 Control Protocol'" in said("r8.log")
    assert said("wrong.status") == f"{AUTHENTICATION_FAILED}\n"
    assert report(rack, "r6", what="pdp-auth", cid="2") == {"user": "me", "password": ""}
    assert report(rack, "r6", what="flow", service="http")["cid"] == "2"


def test_pppd_on_one_channel_of_the_multiplexer_and_at_on_another(guests: dict[str, Any]) -> None:
    one = guests["channel"]
    assert one.ended(120) == 0, one.log() + one.file("said").read_text()
    said = dict(line.partition(" ")[2].split("=", 1) for line in one.file("said").read_text().splitlines()
                if "=" in line)
    assert said == {"cmux": "OK", "dialled": "0", "visited": "0", "answers": "u-blox|OK", "beside": "True",
                    "after": "u-blox|OK"}
    assert "3 packets received" in one.file("ttyS0.ping").read_text()
    assert "httpbin" in one.file("ttyS0.page").read_text("utf-8", "replace")
    assert one.file("ttyS0.echo").read_text() == "same\n"
