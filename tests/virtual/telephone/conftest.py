"""Two modules of one operator in a loop whose time jumps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.telephony import verbs
from cellbench.virtual.net.telephone.network import TelephoneNetwork


@pytest.fixture
def network() -> TelephoneNetwork:
    """The operator of the test."""
    return TelephoneNetwork()


@pytest.fixture
def phone(driven: Callable[..., Any], network: TelephoneNetwork) -> Callable[..., Any]:
    """``phone(series, setting=value)``: a registered module of this operator, echo off; each with a SIM of
    its own."""

    def make(series: Series, **options: Any) -> Any:
        one = driven(series, telephones=network, index=len(made), **options)
        made.append(one)
        one.ready()
        return one

    made: list[Any] = []
    return make


@pytest.fixture
def pair(phone: Callable[..., Any]) -> tuple[Any, Any]:
    """A module of each series, registered."""
    return phone(Series.LENA_R8), phone(Series.LARA_R6)


@pytest.fixture
def one(phone: Callable[..., Any], series: Series) -> Any:
    """A registered module of each series."""
    return phone(series)


def act(module: Any, verb: str, **values: str) -> Any:
    """A control verb on a module; ``sender`` stands for ``from``."""
    if "sender" in values:
        values["from"] = values.pop("sender")
    found = {**verbs.VERBS, "report": verbs.REPORTS.get(values.get("what", ""))}[verb]
    assert found is not None
    return module.loop.run_until_complete(found.act(None, Slot(module.module), values))  # type: ignore[arg-type]


class Slot:
    """What a verb needs of a slot."""

    def __init__(self, module: Any) -> None:
        self.module = module


def typed(module: Any, line: str, text: str, end: bytes = b"\x1a") -> list[str]:
    """A command with a prompt, what is typed there, and everything up to the final result code."""
    module.uart.clear()
    module.send(line.encode("latin-1") + b"\r")
    module.until(lambda: module.uart.endswith(b"\r\n> ") or module.FINAL.search(bytes(module.uart)), 10)
    if module.uart.endswith(b"\r\n> "):
        module.uart.clear()
        module.send(text.encode("latin-1") + end)
        module.until(lambda: module.FINAL.search(bytes(module.uart)) is not None, 400)
    return list(module.lines())


@pytest.fixture
def ctl() -> Callable[..., Any]:
    """``ctl(module, verb, key=value)``."""
    return act


@pytest.fixture
def type_in() -> Callable[..., list[str]]:
    """``type_in(module, line, text)``."""
    return typed
