"""The far sides that can be asked: the control port of servers elsewhere. Nothing is put into a state."""

from __future__ import annotations

from collections.abc import Iterator

from cellbench.base.errors import CellbenchError, RigError, ServiceError
from cellbench.rig.check_farside import placed_far_sides
from cellbench.rig.schema import ServicesFarSide
from cellbench.rig.secrets import resolve_secret
from cellbench.rig.yamlpos import KeyPath
from cellbench.services.control_client import Refused, request
from cellbench.session.check.model import Look, Scene

_ANSWER_S = 5.0


def look_at_far_sides(scene: Scene) -> Iterator[Look]:
    """Which servers each control port has, or why it does not tell."""
    for place, _, far in placed_far_sides(scene.rig.model):
        if isinstance(far, ServicesFarSide):
            yield _services(scene, place, far)


def _services(scene: Scene, place: KeyPath, far: ServicesFarSide) -> Look:
    what = f"far side services at {far.host}:{far.port}"
    try:
        where = scene.rig.where(*place, "token")
        token = resolve_secret(far.token, scene.rig.path, where) if far.token is not None else None
    except CellbenchError:
        return Look(what, "not asked, its token is not there")  # told with the other secrets
    try:
        servers = request(far.host, far.port, "list", {}, token=token, timeout_s=_ANSWER_S)
    except Refused as error:
        trouble = scene.raised((*place, "token"), RigError(
            f"the control port refuses this bench: {error}",
            remedy="copy the token file that `cellbench services up` names from that host"))
        return Look(what, "refuses", (trouble,))
    except OSError as error:
        trouble = scene.raised((*place, "host"), ServiceError(
            f"the control port at {far.host}:{far.port} does not answer: {error}",
            remedy="start `cellbench services up --control` there, and let this host through"))
        return Look(what, "not reached", (trouble,))
    return Look(what, f"has {', '.join(servers)}")
