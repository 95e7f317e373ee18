"""A guardian that another installation started lacks what only the run's own has."""

from __future__ import annotations

import os
import sys

import pytest

from cellbench.base.errors import RigError
from cellbench.guardian.plan import InstrumentPlan
from cellbench.guardian.table import _look_up


def test_a_kind_that_only_the_run_knows_names_the_guardian() -> None:
    plan = InstrumentPlan(kind="supply.acme-lab", settings={"resource": "TCPIP::127.0.0.1::5025::SOCKET"})
    with pytest.raises(RigError) as caught:
        _look_up("psu1", plan)
    assert f"instrument psu1: the guardian that runs here (process {os.getpid()})" in caught.value.message
    assert sys.prefix in caught.value.message
    assert "supply.acme-lab" in caught.value.remedy
