"""A foreign program: python-gsmmodem-new connects, identifies the module and asks what it keeps of messages.

One JSON object goes to standard output: what the library found, and every line it exchanged.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable

from gsmmodem.modem import GsmModem

PROPERTIES = ("manufacturer", "model", "revision", "imei", "imsi", "networkName", "signalStrength", "smsc",
              "smsEncoding", "smsSupportedEncoding")
COVERAGE_S = 3  # the library's timer lives on when coverage came earlier: the program ends no sooner


class Exchange(logging.Handler):
    """The library logs what it writes and reads."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def attempt(action: Callable[[], object]) -> object:
    """The value, or the exception's name and text."""
    try:
        return action()
    except Exception as error:
        return f"!{type(error).__name__}: {error}"


def main() -> int:
    """0 when the library could connect."""
    exchange = Exchange()
    logging.getLogger().addHandler(exchange)
    logging.getLogger().setLevel(logging.DEBUG)
    modem = GsmModem(sys.argv[1], 115200)
    found: dict[str, object] = {"connected": attempt(lambda: modem.connect() is None)}
    if found["connected"] is True:
        found["coverage"] = attempt(lambda: modem.waitForNetworkCoverage(COVERAGE_S))
        for name in PROPERTIES:
            found[name] = attempt(lambda name=name: getattr(modem, name))
        found["stored"] = attempt(lambda: len(modem.listStoredSms()))
        found["ussd"] = attempt(lambda: modem.sendUssd("*100#", responseTimeout=2).message)
        found["alive"] = attempt(lambda: modem.write("AT"))
        modem.close()
    found["exchange"] = exchange.lines
    print(json.dumps(found))
    return 0 if found["connected"] is True else 1


if __name__ == "__main__":
    sys.exit(main())
