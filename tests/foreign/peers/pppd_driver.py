"""Our driver of pppd inside a guest: dials a module on a serial line, lets programs use it, hangs up.

``pppd_driver.py DEVICE SERIES CID`` prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time

from cellbench.catalogue.modules import profile_for, series_named
from cellbench.host.channel import Channel
from cellbench.host.ppp_model import PppDial
from cellbench.host.pppd import PppdLink, pppd_lacks
from cellbench.host.transcript import Transcript
from cellbench.io.serial_port import SerialPort

PASSWORD = "of-no-importance"
WAIT_S = 60.0


def main(device: str, series: str, cid: int) -> dict[str, object]:
    transcript = Transcript()
    channel = Channel(SerialPort(device), profile_for(series_named(series)), trace=transcript, name="uart")
    channel.start()
    found: dict[str, object] = {}
    try:
        channel.sync(30.0)
        channel.send("ATE0")
        until = time.monotonic() + WAIT_S
        while channel.send("AT+CEREG?").value("+CEREG")[-1] not in (1, 5) and time.monotonic() < until:
            time.sleep(0.2)
        channel.send(f'AT+CGDCONT={cid},"IP","APN2"')
        found["lacks"] = pppd_lacks(channel)
        routes = _read("/proc/net/route")
        with PppdLink(channel, PppDial(cid, "someone", PASSWORD)) as link:
            found["address"], found["peer"], found["dns"] = link.address, link.peer, link.dns
            found["ping"] = link.run("busybox", "ping", "-c", "2", "216.239.59.147").returncode
            page = link.run("busybox", "wget", "-q", "-O", "-", "http://httpbin.org/")
            found["page"] = [page.returncode, len(page.stdout), page.stderr.decode()[-200:]]
            found["untouched"] = _read("/proc/net/route") == routes
            found["secret_in_log"] = PASSWORD in link.log
        found["after"] = channel.send("AT").final.text
        found["secret_in_trace"] = PASSWORD in transcript.export()
        try:
            with PppdLink(channel, PppDial(9)) as link:
                found["wrong_cid"] = link.address
        except Exception as error:
            found["wrong_cid"] = type(error).__name__
    finally:
        channel.stop()
    return found


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
