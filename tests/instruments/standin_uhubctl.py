"""A program that stands in for uhubctl 2.x: same options, same output, no USB.

Its words are those of the program itself: what Debian's uhubctl 2.5.0 prints without a hub, the ``printf``
lines of uhubctl.c for hubs that are there, and its hint at permissions. UHUBCTL_STATE names a JSON file:

    {"location": "1-1", "dual": "2-1" or null, "ports": 4, "on": [1, 2, 3, 4], "mode": "", "act": [...]}

``mode``: "denied", "stuck" (says it switched and did not), "hang", "broken". ``act``, if any, is a command
that is run with the port's number and on or off when the power of a port changes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

STATE = Path(os.environ["UHUBCTL_STATE"])


def show(state, title, chosen):
    """What print_port_status prints, for both halves of a USB 3 hub."""
    ports = state["ports"]
    halves = [(state["location"], f"05e3:0608 USB2.0 Hub, USB 2.00, {ports} ports, ppps", "power", "0100")]
    if state.get("dual"):
        halves.append((state["dual"], f"05e3:0612 USB3.0 Hub, USB 3.00, {ports} ports, ppps",
                       "power 5gbps Rx.Detect", "02a0"))
    for location, what, words, bits in halves:
        print(f"{title} status for hub {location} [{what}]")
        for port in chosen:
            on = port in state["on"]
            print(f"  Port {port}: {bits if on else '0000'} {words if on else 'off'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-l", "--loc")
    parser.add_argument("-p", "--ports")
    parser.add_argument("-a", "--action")
    asked = parser.parse_args()
    state = json.loads(STATE.read_text())
    mode = state.get("mode", "")
    if mode == "hang":
        time.sleep(60)
    if mode == "broken":
        print("Error initializing USB!", file=sys.stderr)
        return 1
    if mode == "denied" or (asked.loc and asked.loc not in (state["location"], state.get("dual"))):
        at = f" at location {asked.loc}" if asked.loc else ""
        print(f"No compatible devices detected{at}!\nRun with -h to get usage info.", file=sys.stderr)
        if mode == "denied":
            print("There were permission problems while accessing USB.\nFollow https://git.io/JIB2Z for "
                  "Linux USB permissions configuration.", file=sys.stderr)
        return 1
    chosen = [int(asked.ports)] if asked.ports else list(range(1, state["ports"] + 1))
    show(state, "Current", chosen)
    if asked.action in ("on", "off"):
        for port in chosen if mode != "stuck" else ():
            if (port in state["on"]) is not (asked.action == "on"):
                state["on"] = sorted(set(state["on"]) ^ {port})
                if state.get("act"):
                    subprocess.run([*state["act"], str(port), asked.action], check=True)
        STATE.write_text(json.dumps(state))
        print(f"Sent power {asked.action} request")
        show(state, "New", chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
