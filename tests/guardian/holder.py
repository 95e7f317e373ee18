"""A program that leases slots from a guardian and waits to be killed. Argument: a task as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from cellbench.guardian.client import GuardianClient
from cellbench.guardian.plan import EquipmentPlan, SlotPlan
from cellbench.guardian.processes import set_parent_death_signal


def main() -> None:
    task = json.loads(sys.argv[1])
    if task["workers"]:
        control(task)
        return
    controller = task.get("controller")
    if controller:
        set_parent_death_signal(controller)
    client = GuardianClient.connect(Path(task["place"]))
    client.enrol(EquipmentPlan.from_json(task["equipment"]))
    for slot in task["slots"]:
        plan = SlotPlan.from_json(slot)
        lease = client.lease(plan, run=task["run"], controller_pid=controller or os.getpid())
        if task["on"]:
            lease.power_on()
            lease.drive("pwr_on", True)
            lease.drive("reset_n", True)
    print("holds", os.getpid(), flush=True)
    if task["pulse"]:
        lease.pulse("vusb_det", 60.0)
    time.sleep(600)


def control(task: dict[str, object]) -> None:
    """One worker per slot, as a run with workers has it."""
    workers = []
    for slot in task["slots"]:  # type: ignore[attr-defined]
        one = {**task, "slots": [slot], "workers": False, "controller": os.getpid()}
        workers.append(subprocess.Popen([sys.executable, __file__, json.dumps(one)]))
    for worker in workers:
        worker.wait()


if __name__ == "__main__":
    main()
