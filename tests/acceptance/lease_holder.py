"""Leases a slot of a rig file as run "planted", switches nothing, says "held" and stays."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from cellbench.guardian.client import GuardianClient
from cellbench.rig.build import equipment_plan, slot_plan
from cellbench.rig.load import load_rig


def main() -> None:
    """``lease_holder.py RIG SLOT [on]``: with ``on`` its supply is switched on as well."""
    rig = load_rig(Path(sys.argv[1]))
    guardian = GuardianClient.connect()
    guardian.enrol(equipment_plan(rig))
    lease = guardian.lease(slot_plan(rig, sys.argv[2]), run="planted", controller_pid=os.getpid())
    if "on" in sys.argv[3:]:
        lease.power_on()
    print("held", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
