"""What can go wrong between a run and the guardian, and how it crosses the socket by type and owner."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.base.errors import (
    CellbenchError,
    FrameworkError,
    NetworkError,
    NotPossible,
    OperatorError,
    Owner,
    RigError,
    ServiceError,
    UnitError,
)


class EquipmentHeld(RigError):
    """A slot, an instrument or a port is in use by somebody else; the message names holder and time."""


class SupplyTripped(RigError):
    """A protection of the supply switched the output off, or its current limit pulls the voltage down."""


class OutputNotReached(RigError):
    """The output, read back, is not at the voltage that was set."""


class InstrumentSilent(RigError):
    """An instrument does not answer in time."""


class LeaseEnded(RigError):
    """The slot is no longer leased to this run; the message says why."""


class GuardianLost(FrameworkError):
    """The guardian's process is gone or does not answer; its successor makes the slot safe."""


_TYPES: Mapping[str, type[CellbenchError]] = {
    kind.__name__: kind
    for kind in (
        EquipmentHeld,
        SupplyTripped,
        OutputNotReached,
        InstrumentSilent,
        LeaseEnded,
        GuardianLost,
        NotPossible,
        RigError,
        OperatorError,
        NetworkError,
        ServiceError,
        UnitError,
        FrameworkError,
    )
}
_BY_OWNER: Mapping[str, type[CellbenchError]] = {
    Owner.RIG.value: RigError,
    Owner.OPERATOR.value: OperatorError,
    Owner.NETWORK.value: NetworkError,
    Owner.SERVICE.value: ServiceError,
    Owner.UNIT.value: UnitError,
    Owner.FRAMEWORK.value: FrameworkError,
}


def to_wire(error: CellbenchError) -> dict[str, str]:
    """An error as a JSON object."""
    return {
        "type": type(error).__name__,
        "owner": error.owner.value,
        "message": error.message,
        "remedy": error.remedy,
    }


def from_wire(data: Mapping[str, object]) -> CellbenchError:
    """The error again; a type that this side does not know keeps its owner."""
    kind = _TYPES.get(str(data.get("type"))) or _BY_OWNER.get(str(data.get("owner")), FrameworkError)
    return kind(str(data.get("message")), remedy=str(data.get("remedy", "")))
