"""A foreign program: python-gsmmodem-new on two modules sends messages from the one to the other, by its own
PDU codec and in text mode, and reads what came.

Arguments: the two ports and their numbers. One JSON object goes to standard output.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from gsmmodem.modem import GsmModem, StatusReport

LONG = "Lorem ipsum dolor sit amet {€}, " * 12
TEXTS = ("Hello from PDU mode {1}", "Grüße, Ωψ猫", LONG)
WAIT_S = 20.0
LONGEST = 160
COVERAGE_S = 2  # the library's timer lives on when coverage came earlier: the program ends no sooner


def until(ready: object) -> None:
    """Wait for something, at most WAIT_S."""
    end = time.monotonic() + WAIT_S
    while not ready() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.05)


def quiet() -> bool:
    """True when no thread of the library reads a report or a message."""
    return not any("Notification" in thread.name for thread in threading.enumerate())


def main() -> int:
    """0 when everything was sent."""
    first, second, _, there = sys.argv[1:5]
    came: list[tuple[str, str]] = []
    sender = GsmModem(first, 115200, requestDelivery=False)
    receiver = GsmModem(second, 115200,
                        smsReceivedCallbackFunc=lambda one: came.append((one.number, one.text)))
    for modem in (sender, receiver):
        modem.smsTextMode = False
        modem.connect()
        modem.waitForNetworkCoverage(COVERAGE_S)
    found: dict[str, object] = {}
    # Text mode first and without reports: the library handles a report in a thread of its own and writes a
    # command into the prompt of a message that is just being sent.
    sender.smsTextMode = True
    sender.sendSms(there, "By text mode", waitForDeliveryReport=False)
    until(lambda: came)
    found["text"] = came.pop()
    until(quiet)
    sender.requestDelivery = True
    sender.smsTextMode = False
    sent = []
    for text in TEXTS:
        short = len(text) < LONGEST
        if not short:  # reports of its first parts would come into the prompts of the next ones
            sender.write("AT+CNMI=2,1,0,0")
        sent.append(sender.sendSms(there, text, waitForDeliveryReport=short, deliveryTimeout=WAIT_S))
        until(quiet)
    parts = 2 + -(-sum(2 if char in "{€}" else 1 for char in LONG) // 153)
    until(lambda: len(came) >= parts)
    found["received"] = list(came)
    found["reported"] = [one.report.deliveryStatus == StatusReport.DELIVERED for one in sent[:2]]
    for modem in (sender, receiver):
        modem.listStoredSms(delete=True)
    for modem in (sender, receiver):
        modem.close()
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
