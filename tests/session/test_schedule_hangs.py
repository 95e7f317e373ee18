"""Workers that hang, run out of memory or break inside: one ERROR of their slot, and nobody else's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from cellbench.base.errors import NotPossible, RigError
from cellbench.rig.load import load_rig
from cellbench.session.procedure import Procedure
from cellbench.session.workers.turns import Turn, take_turns, turns_for

FATES = ("asleep", "broken", "between", "gil", "memory", "stopped", "well")

HANGS = """
    import ctypes, resource

    @procedure(title="fate", series=BOTH, timeout_s=1.5)
    @pytest.mark.parametrize("fate", ["between", "well", "asleep", "memory", "gil", "broken", "stopped"])
    def test_fate(slot_name, fate):
        ran(f"{fate}-{slot_name}")
        if slot_name == "two":
            return
        if fate == "asleep":
            time.sleep(60)
        elif fate == "gil":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
            ctypes.PyDLL(None).sleep(60)  # C code that never lets the interpreter go
        elif fate == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif fate == "memory":
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, before[1]))
            try:
                bytearray(1 << 32)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)

    @procedure(title="after", series=BOTH)
    def test_last(slot_name):
        ran(f"last-{slot_name}")
"""

CONFTEST = """
    import os, signal
    import pytest

    class Between:
        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item):
            done = yield
            if "between" in item.name and "two" in item.name:
                os.kill(os.getpid(), signal.SIGSTOP)
            return done

    def pytest_sessionstart(session):
        session.config.pluginmanager.register(Between())  # last, so around everything else

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        if "broken" in item.name and "one" in item.name and call.when == "call":
            raise MemoryError("no room for the report")
        return (yield)
"""


def test_every_way_to_hang_costs_its_slot_one_error(project: Callable) -> None:
    ours = project(HANGS, {"one": "LENA-R8", "two": "LARA-R6"}, conftest=CONFTEST)
    done = ours.run("-n", "auto", "--worker-timeout", "20")
    assert done.returncode == 12, done.stdout + done.stderr
    assert ours.ran() == {f"{test}-{slot}": 1 for test in (*FATES, "last") for slot in ("one", "two")}
    assert [(slot, test) for slot, test, outcome, owner in ours.verdicts()
            if (outcome, owner) == ("ERROR", "framework")] == [
        ("one", f"test_fate[{fate}]") for fate in FATES if fate not in ("between", "well")]
    assert sum(outcome == "PASS" for _, _, outcome, _ in ours.verdicts()) == 3 + 8
    for fate, words in (
        ("asleep", "did not end within its deadline of 1.5 s"),
        ("gil", "hung, and did not stop its procedure at the deadline of 1.5 s"),
        ("stopped", "hung, and did not stop its procedure at the deadline of 1.5 s"),
        ("memory", "MemoryError"),
        ("broken", "it could not go on: MemoryError: no room for the report"),
    ):
        assert words in ours.reason("one", f"test_fate[{fate}]")
    lost = [(event["slot"], event["detail"]) for event in ours.records("event")
            if event["what"] == "worker-lost"]
    assert sorted(slot for slot, _ in lost) == ["one"] * 3 + ["two"]
    assert "hung between two tests for 20 s" in dict(lost)["two"]


def test_a_deadline_without_workers_stops_setup_call_and_teardown(project: Callable) -> None:
    ours = project("""
        @pytest.fixture
        def slow(request):
            if "setup" in request.node.name:
                time.sleep(60)
            yield
            if "down" in request.node.name:
                time.sleep(2)  # longer than the deadline: a teardown is left its time

        @procedure(title="t", series=BOTH)
        @pytest.mark.parametrize("where", ["setup", "call", "down", "never"])
        def test_it(slot_name, where, slow):
            ran(where)
            if where == "call":
                time.sleep(60)
    """, {"a1": "LENA-R8"})
    done = ours.run("--procedure-timeout", "1")
    assert done.returncode == 12, done.stdout
    assert [(name, outcome) for _, name, outcome, _ in ours.verdicts()] == [
        ("test_it[call]", "ERROR"), ("test_it[down]", "PASS"), ("test_it[never]", "PASS"),
        ("test_it[setup]", "ERROR")]
    assert "deadline of 1 s" in ours.reason("a1", "test_it[setup]")


def test_deadlines_and_numbers_of_slots_that_cannot_be_stop_the_collection(project: Callable) -> None:
    ours = project("""
        @procedure(title="t", series=BOTH, timeout_s=0)
        def test_zero(slot_name):
            pass
    """)
    done = ours.run()
    assert done.returncode == 2
    assert "timeout_s is 0; say seconds above 0" in done.stdout


INSTRUMENT = """
    instruments:
      bus: {kind: supply.scpi-generic, resource: "TCPIP::127.0.0.1::9::SOCKET"}
"""


def test_a_shared_instrument_is_taken_in_turn(project: Callable) -> None:
    ours = project("""
        @procedure(title="measure", series=BOTH, uses=("supply",))
        @pytest.mark.parametrize("number", range(3))
        def test_measure(slot_name, number):
            with span("measure", "bus"):
                time.sleep(0.05)
            ran(f"measured-{slot_name}-{number}")

        @procedure(title="holds", series=("LENA-R8",), uses=("supply",), timeout_s=30)
        def test_z_holds(slot_name):
            ran("holds")
            wait_for((HERE / "ran-waited").exists)

        @procedure(title="waits", series=("LARA-R6",), uses=("supply",))
        def test_z_waits(slot_name, run):
            pass

        @procedure(title="told", series=("LARA-R6",))
        def test_zz_told(slot_name):
            ran("waited")

        @procedure(title="no analyser", series=("LENA-R8",), uses=("analyser",))
        def test_zz_none(slot_name):
            pass
    """, rig=INSTRUMENT, conftest="""
        import time
        from pathlib import Path
        import pytest

        class Before:
            @pytest.hookimpl(wrapper=True, tryfirst=True)
            def pytest_runtest_protocol(self, item):
                wanted = {"test_z_holds": ("ran-measured-*", 6), "test_z_waits": ("ran-holds", 1)}
                pattern, count = wanted.get(item.originalname, ("", 0))
                until = time.monotonic() + 60
                while pattern and len(list(Path(__file__).parent.glob(pattern))) < count:
                    assert time.monotonic() < until
                    time.sleep(0.01)
                return (yield)

        def pytest_sessionstart(session):
            session.config.pluginmanager.register(Before())  # last, so around everything else
    """)
    done = ours.run("-n", "auto", "--procedure-timeout", "2")
    assert done.returncode == 10, done.stdout + done.stderr
    spans = sorted(ours.spans(), key=lambda one: one[2])
    assert len(spans) == 6
    assert all(one[3] <= other[2] for one, other in pairwise(spans))
    verdicts = {name: (outcome, owner) for _, name, outcome, owner in ours.verdicts()}
    assert verdicts["test_z_holds"] == ("PASS", "")
    assert verdicts["test_z_waits"] == ("ERROR", "rig")
    assert "bus was not free within 4 s: slot a1 (holds), for " in ours.reason("a2", "test_z_waits")
    assert verdicts["test_zz_none"] == ("NOT_POSSIBLE", "rig")
    assert "has no analyser" in ours.reason("a1", "test_zz_none")


def test_who_must_be_alone_is_not_kept_waiting_by_those_beside_each_other(tmp_path: Path) -> None:
    """Those beside each other overlap for ever; who must be alone gets in between."""
    stop, alone = threading.Event(), threading.Event()

    def beside() -> None:
        while not stop.is_set():
            with take_turns(tmp_path, [Turn("services", False)], "beside", 30.0):
                alone.wait(0.02)

    threads = [threading.Thread(target=beside) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with take_turns(tmp_path, [Turn("services", True)], "alone", 30.0):
            alone.set()
            began = time.monotonic()
            late = take_turns(tmp_path, [Turn("services", False)], "late", 0.1)
            with pytest.raises(RigError, match=r"was not free within 0\.1 s: alone, for 0 s, has it"), late:
                pass
            assert time.monotonic() - began >= 0.1
    finally:
        stop.set()
        for thread in threads:
            thread.join(30.0)
    assert not any(thread.is_alive() for thread in threads)
    with take_turns(tmp_path, [Turn("services", True)], "after", 5.0):
        assert not list(tmp_path.glob("turn-services.by-*"))[1:]


def test_turns_of_a_procedure(project: Callable) -> None:
    rig = project("", {"a": "LENA-R8"}, rig=INSTRUMENT).folder / "rig.yaml"
    model = load_rig(rig).model
    marked = Procedure((), "t", depends_on=("service:echo",), uses=("supply",))
    assert turns_for(model, "a", marked) == (
        Turn("instrument-bus", True), Turn("service-echo", False), Turn("services", False))
    assert turns_for(model, "a", Procedure((), "t", needs=("far-side:server",))) == (Turn("services", True),)
    assert turns_for(model, "a", None) == ()
    far = ("far-side:server",)
    broker = ("network", "service:dns", "service:mqtts")
    assert turns_for(model, "a", Procedure((), "t", depends_on=broker, needs=far)) == (
        Turn("service-dn", False), Turn("service-mqtt", True), Turn("services", False)), "alone at the broker"
    gateway = Procedure((), "t", depends_on=("service:mqttsn-dtls",))
    assert turns_for(model, "a", gateway) == (
        Turn("service-mqtt", False), Turn("service-mqttsn", False), Turn("services", False)), "it is behind"
    resolver = Procedure((), "t", depends_on=("network", "service:dns"), needs=far)
    assert turns_for(model, "a", resolver) == (Turn("services", True),), "it does not say which"
    asked = Procedure((), "t", depends_on=("service:ftps",), needs=("far-side:report",))
    assert turns_for(model, "a", asked) == (Turn("service-ftp", True), Turn("services", False)), (
        "a server tells of its last client")
    with pytest.raises(NotPossible, match="rig bare has no hub"):
        turns_for(model, "a", Procedure((), "t", uses=("hub",)))
