"""Questions to the person: in the terminal of a run, by ``cellbench answer``, unanswered, withdrawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from cellbench.guardian.client import GuardianClient
from cellbench.guardian.start import stop

RIG = """\
rig: by-hand
slots:
  a1: {series: LENA-R8, ports: {uart: {url: "socket://127.0.0.1:9"}}, sim: {ref: s1, number: "+4915112345"}}
  a2: {series: LARA-R6, ports: {uart: {url: "socket://127.0.0.1:10"}}}
far_side: {kind: manual, verbs: [call, coverage], answer_within_s: WITHIN}
"""
SUITE = """\
from cellbench.api import procedure

@procedure(title="A call comes in", needs=("far-side:call",))
def test_call(slot_name, far_side):
    print("what a test prints is captured")
    far_side.act("call", number="112")
"""
WAIT_S = 60


@dataclass
class Project:
    """A rig on which a person is the far side, and a suite that asks."""

    place: Path

    def command(self, *arguments: str, within_s: float = 45) -> list[str]:
        """A run of the suite."""
        (self.place / "rig.yaml").write_text(RIG.replace("WITHIN", str(within_s)))
        (self.place / "test_hand.py").write_text(SUITE)
        return [sys.executable, "-m", "pytest", "test_hand.py", "--rig", "rig.yaml", "--reports", "none",
                "--results", "out", "-p", "no:cacheprovider", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """A guardian of its own."""
        return {**os.environ, "CELLBENCH_RUNTIME_DIR": str(self.place / "guardian"),
                "CELLBENCH_LOCK_DIR": str(self.place / "locks"), "TERM": "xterm"}

    def in_terminal(self, *arguments: str) -> pexpect.spawn:
        """The run in a terminal of its own."""
        program, *rest = self.command(*arguments)
        return pexpect.spawn(program, rest, cwd=str(self.place), env=self.environment, timeout=WAIT_S,
                             encoding="utf-8", dimensions=(40, 160))

    def without_terminal(self, *arguments: str, within_s: float = 45) -> subprocess.Popen[str]:
        """The run as a CI server starts it."""
        return subprocess.Popen(self.command(*arguments, within_s=within_s), cwd=self.place,
                                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)

    def answer(self, *words: str) -> tuple[int, str]:
        """The program ``cellbench answer``."""
        done = subprocess.run(
            [sys.executable, "-m", "cellbench", "answer", *words, "--runtime-dir",
             str(self.place / "guardian")],
            capture_output=True, text=True, timeout=WAIT_S, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout + done.stderr

    def wait_for_questions(self, wanted: int) -> tuple[str, ...]:
        """The open questions, once there are so many."""
        end = time.monotonic() + WAIT_S
        with GuardianClient.connect(self.place / "guardian") as guardian:
            seen = -1
            while time.monotonic() < end:
                seen, found = guardian.prompts(seen, 2.0)
                if len(found) == wanted:
                    return tuple(f"{one.about}: {one.question}" for one in found)
        raise AssertionError(f"not {wanted} questions: {found}")

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Slot → outcome and reason, from the newest journal."""
        journal = max((self.place / "out").glob("*/journal.jsonl"))
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        return {record["data"]["slot"]: (record["data"]["verdict"]["outcome"],
                                         record["data"]["verdict"].get("reason", ""))
                for record in records if record["kind"] == "attempt.ended"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """With a guardian that ends with the test."""
    (tmp_path / "guardian").mkdir(mode=0o700)
    yield Project(tmp_path)
    stop(tmp_path / "guardian")


@pytest.fixture
def ending() -> Iterator[Callable[[subprocess.Popen[str]], subprocess.Popen[str]]]:
    """Programs that must not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def keep(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        started.append(process)
        return process

    yield keep
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_in_the_terminal_with_captured_output(project: Project) -> None:
    """The question stands below the status lines; a wrong word is told; the answer ends the wait."""
    run = project.in_terminal("--slot", "a1")
    run.expect_exact("slot a1: Call +4915112345 from 112 and let it ring.")
    run.expect_exact("[done] or cannot: ")
    run.sendline("perhaps")
    run.expect_exact("'perhaps' is no answer to question 1; it takes done or cannot")
    run.sendline("done")
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus == 0, run.before
    assert project.verdicts() == {"a1": ("PASS", "")}


def test_in_the_terminal_with_workers(project: Project) -> None:
    """The workers' questions come one after the other; nothing typed is the first answer; a2's is refused."""
    run = project.in_terminal("-n", "auto")
    said = {}
    for _ in range(2):
        run.expect(r"slot (a\d): Call [^\r\n]* let it ring\.")
        slot = run.match.group(1)
        run.expect_exact("[done] or cannot: ")
        run.sendline("" if slot == "a1" else "cannot")
        said[slot] = True
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus == 0, run.before
    found = project.verdicts()
    assert said.keys() == found.keys() == {"a1", "a2"}
    assert found["a1"] == ("PASS", "")
    assert found["a2"][0] == "NOT_POSSIBLE"
    assert "the person says so" in found["a2"][1]


def test_answered_from_elsewhere(
    project: Project, ending: Callable[[subprocess.Popen[str]], subprocess.Popen[str]]
) -> None:
    """Without a terminal a line says how to answer; ``cellbench answer`` lists and answers."""
    run = ending(project.without_terminal("--slot", "a1"))
    project.wait_for_questions(1)
    status, listed = project.answer()
    assert status == 0
    assert listed.startswith("1  slot a1, ")
    assert listed.rstrip().endswith("Call +4915112345 from 112 and let it ring.  [done | cannot]")
    assert project.answer("7", "done") == (
        12, "cellbench: question 7 is not open any more; `cellbench answer` lists those that are\n")
    assert project.answer("1", "d") == (0, "question 1: done\n")
    out, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 0, out + err
    assert "cellbench: question 1, slot a1: Call +4915112345 from 112 and let it ring." in err
    assert "cellbench answer 1 done" in err
    assert project.answer() == (0, "no question is open\n")


def test_nobody_answers(
    project: Project, ending: Callable[[subprocess.Popen[str]], subprocess.Popen[str]]
) -> None:
    """The time of the rig file is up: ERROR operator, exit 12."""
    run = ending(project.without_terminal("--slot", "a1", within_s=1))
    out, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 12, out + err
    ((outcome, reason),) = project.verdicts().values()
    assert outcome == "ERROR"
    assert reason.startswith("slot a1: nobody answered within 1 s: Call +4915112345")


def test_a_killed_run_withdraws_its_question(
    project: Project, ending: Callable[[subprocess.Popen[str]], subprocess.Popen[str]]
) -> None:
    """Nobody waits for it any more, so nobody is asked."""
    run = ending(project.without_terminal("--slot", "a1"))
    assert project.wait_for_questions(1) == ("slot a1: Call +4915112345 from 112 and let it ring.",)
    run.kill()
    assert project.wait_for_questions(0) == ()
    log = (project.place / "guardian" / "guardian.log").read_text()
    assert "question 1 withdrawn: nobody waits for it any more" in log


def test_ctrl_c_at_the_question(project: Project) -> None:
    """It reaches the run as ever: ABORTED, exit 2, the question is withdrawn."""
    run = project.in_terminal("--slot", "a1")
    run.expect_exact("[done] or cannot: ")
    run.sendintr()
    run.expect(pexpect.EOF)
    run.close()
    assert (run.exitstatus, run.signalstatus) == (2, None), run.before
    assert project.verdicts()["a1"][0] == "ABORTED"
    assert project.wait_for_questions(0) == ()


def test_a_run_in_the_background_leaves_the_terminal_alone(project: Project) -> None:
    """It would be stopped by reading there; it says how to answer instead."""
    shell = pexpect.spawn("/bin/sh", ["-i"], cwd=str(project.place), env=project.environment,
                          timeout=WAIT_S, encoding="utf-8", dimensions=(40, 200))
    try:
        shell.sendline("set -m; " + " ".join(project.command("--slot", "a1")) + " & wait; echo ended $?")
        shell.expect(r"cellbench answer 1 done")
        assert project.answer("1", "done")[0] == 0
        shell.expect(r"1 passed")
        shell.expect(r"ended 0")
    finally:
        shell.kill(signal.SIGHUP)
        shell.close(force=True)
