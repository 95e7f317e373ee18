"""Our question for an address against busybox's DHCP server, over a veth pair in the network namespace that
this program is started in (``unshare --net``); argument: a directory. Prints one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cellbench.base.errors import UnitError
from cellbench.rig.usb_offer import ask_for_offer

SERVER = """interface far
start 10.7.0.20
end 10.7.0.20
lease_file {place}/leases
pidfile {place}/pid
opt subnet 255.255.255.128
opt router 10.7.0.1
opt dns 10.7.0.2 10.7.0.3
"""


def main() -> int:
    place = Path(sys.argv[1])
    for words in ("link add near type veth peer name far", "addr add 10.7.0.1/25 dev far", "link set far up"):
        subprocess.run(["ip", *words.split()], check=True, timeout=10)
    try:
        ask_for_offer("near", 1.5)
        silent = False
    except UnitError:
        silent = True
    config = place / "udhcpd.conf"
    config.write_text(SERVER.format(place=place))
    (place / "leases").touch()
    server = subprocess.Popen(["busybox", "udhcpd", "-f", "-S", str(config)], stderr=subprocess.DEVNULL)
    try:
        offer = ask_for_offer("near", 20.0)
    finally:
        server.terminate()
        server.wait(10)
    shown = subprocess.run(["ip", "-br", "addr", "show", "near"], capture_output=True, text=True, timeout=10,
                           check=True).stdout.split()
    print(json.dumps({
        "silent": silent, "address": str(offer.address), "netmask": str(offer.netmask),
        "routers": [str(one) for one in offer.routers], "resolvers": [str(one) for one in offer.resolvers],
        "state": shown[1], "addresses": shown[2:]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
