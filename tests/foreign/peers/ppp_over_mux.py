"""A foreign program's hand: the kernel's multiplexer (n_gsm), pppd on its first channel, AT on its second.

``ppp_over_mux.py DEVICE N1 SCRIPT`` enters the mode, dials with pppd, runs SCRIPT (busybox sh) while it asks
AT commands on the other channel, and ends the link. Prints a line ``DEVICE name=value`` for each thing seen.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from n_gsm import LIMIT_S, Line, attach, registered, say, words

CHAT = "chat -s -v TIMEOUT 2 '' AT OK-AT-OK-AT-OK ATE0 ABORT 'NO CARRIER' OK 'ATD*99***1#' CONNECT '\\c'"
PPPD = ("updetach", "local", "nocrtscts", "noauth", "noipdefault", "defaultroute", "usepeerdns", "noipv6",
        "debug")


def main() -> int:
    device, n1, script = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    line = Line(device)
    line.wake()
    say("cmux", words(line.ask(f"AT+CMUX=0,0,,{n1}")))
    time.sleep(0.3)  # before SABM (LARA-R6: 200 ms)
    first = attach(line, n1)
    other = Line(f"/dev/gsmtty{first + 1}")
    other.wake()
    registered(other)
    log = Path(f"/mnt/{Path(device).name}.log")
    pppd = ["pppd", f"/dev/gsmtty{first}", "115200", *PPPD, "logfile", str(log), "connect", CHAT]
    dialled = subprocess.run(pppd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    say("dialled", dialled.returncode)
    if dialled.returncode:
        return 1
    visit = subprocess.Popen(["busybox", "sh", "-eu", script, Path(device).name])
    answers = set()
    asked, end = 0, time.monotonic() + LIMIT_S
    while visit.poll() is None and time.monotonic() < end:
        answers.add(words(other.ask("AT+CGMI")))
        asked += 1
        time.sleep(0.05)
    say("visited", visit.returncode)
    say("answers", "/".join(sorted(answers)))
    say("beside", asked > 1)
    pid = int(Path("/run/ppp0.pid").read_text())
    os.kill(pid, 15)
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    say("after", words(other.ask("AT+CGMI")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
