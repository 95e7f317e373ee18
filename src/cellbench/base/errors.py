"""Errors by owner: every failure carries who has to act on it.

The owner decides the verdict (see docs/architecture.md, "Verdicts and blame"): only an error of the
unit can become FAIL; every other owner becomes ERROR of that owner.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Owner(enum.Enum):
    """Who has to act on a failure."""

    UNIT = "unit"
    RIG = "rig"
    NETWORK = "network"
    SERVICE = "service"
    OPERATOR = "operator"
    FRAMEWORK = "framework"


class CellbenchError(Exception):
    """A failure with an owner.

    ``message`` says what happened and where; ``remedy`` says what to do next (may be empty).
    """

    owner: Owner = Owner.FRAMEWORK

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UnitError(CellbenchError):
    """The module under test did something it must not, or did not do what it must."""

    owner = Owner.UNIT


class RigError(CellbenchError):
    """The bench is at fault: supply, line, port, cable, rig file."""

    owner = Owner.RIG


class NetworkError(CellbenchError):
    """The cellular network or the path beyond it is at fault."""

    owner = Owner.NETWORK


class ServiceError(CellbenchError):
    """A service on the far side (echo, DNS, broker ...) is at fault."""

    owner = Owner.SERVICE


class OperatorError(CellbenchError):
    """A person asked for something impossible, or did not answer in time."""

    owner = Owner.OPERATOR


class UsageError(OperatorError):
    """A command line that asks for what is not there."""


class FrameworkError(CellbenchError):
    """This program is at fault."""

    owner = Owner.FRAMEWORK


class Aborted(CellbenchError):
    """The run was told to stop; the attempt ends as ABORTED."""

    owner = Owner.OPERATOR


class NotPossible(CellbenchError):
    """The rig or the far side lacks a capability that the procedure needs: a gap in coverage."""

    owner = Owner.RIG


class NotApplicable(CellbenchError):
    """The series or variant lacks what the procedure is about: nothing to test."""

    owner = Owner.OPERATOR


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in a file a person wrote, in the form ``file:line: path: message; remedy``."""

    file: str
    line: int
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}: {self.path}: {self.message}" if self.path else (
            f"{self.file}:{self.line}: {self.message}")
        return f"{text}; {self.remedy}" if self.remedy else text


class FileErrors(OperatorError):
    """All mistakes of one file at once."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings
