"""Times pytest's making of the report of each phase."""

import json
import time
from pathlib import Path

import pytest

TIMES = Path(__file__).with_name("times.jsonl")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    began = time.monotonic()
    report = yield
    with TIMES.open("a") as file:
        file.write(json.dumps([item.nodeid, call.when, time.monotonic() - began,
                               call.excinfo is not None]) + "\n")
    return report
