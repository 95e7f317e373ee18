"""The program `cellbench services up`: servers on a host that modules reach, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import yaml

from cellbench.base.errors import OperatorError, ServiceError

from .control import Control
from .guard import Guard, Limits
from .map import ControlPlace, ServiceMap
from .offer import OFFERS, Offered, offered
from .park import Hosting, Park

log = logging.getLogger("cellbench.services")

CONTROL_PORT = 7100
LOOPBACK = "127.0.0.1"
_ANYWHERE = "0.0.0.0"
_SAY_S = 60.0
_LOG_BYTES, _LOG_FILES = 1_000_000, 3


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What to serve and where.

    ``bind``: the address listened at; ``name``: what modules call this host (None: ``bind``). ``ports``:
    server → port, in place of the usual ones. ``control``: the control port's address and port, None for
    none; away from loopback it takes the token in ``token_file``. ``ca``, ``ca_key``: PEM files of an
    authority of one's own. ``only``: the servers wanted, empty for all. ``definitions``: further servers.
    """

    bind: str
    directory: Path
    name: str | None = None
    limits: Limits | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    control: tuple[str, int] | None = None
    token_file: Path | None = None
    ca: Path | None = None
    ca_key: Path | None = None
    tls_name: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    definitions: Mapping[str, object] = field(default_factory=dict)


def up(plan: HostPlan, *, map_file: Path | None = None, snippet: Path | None = None,
       out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Serve in the foreground. When all listen, one JSON line goes to ``out`` and a table to ``err``.

    OperatorError for a mistake, ServiceError for a port that is taken.
    """
    plan.directory.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        plan.directory / "services.log", maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        return asyncio.run(_serve(plan, map_file, snippet, out or sys.stdout, err or sys.stderr))
    finally:
        log.removeHandler(handler)
        handler.close()


async def _serve(plan: HostPlan, map_file: Path | None, snippet: Path | None, out: TextIO,
                 err: TextIO) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    guard = Guard(plan.limits) if plan.limits is not None else None
    offer = _offered(plan)
    park = Park(Hosting(plan.bind, _ports(plan, offer.definitions), guard))
    control = None
    try:
        try:
            await park.start(offer.definitions)
            control, place = await _start_control(plan, park)
        except OSError as error:
            raise ServiceError(str(error.strerror or error),
                               remedy="stop what listens there, or choose other ports by --ports") from None
        found = _map(plan, park, offer, place)
        _write(map_file, json.dumps(found.to_json(), indent=1) + "\n")
        _write(snippet, found.snippet())
        print(json.dumps({"ready": True, "map": str(map_file) if map_file else None, **found.to_json()}),
              file=out, flush=True)
        print(f"serving at {plan.bind}{'' if guard else ', without limits'}; Ctrl-C ends it\n{found.table()}",
              file=err, flush=True)
        log.info("serving at %s: %s", plan.bind, ", ".join(found.services))
        await _until(stop, guard)
    finally:
        if control is not None:
            await control.stop()
        await park.stop()
        log.info("ended")
    return 0


async def _until(stop: asyncio.Event, guard: Guard | None) -> None:
    """Wait for the end; what was refused is written down once a minute, however much it was."""
    said: Mapping[str, str] = {}
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _SAY_S)
        except TimeoutError:
            now = guard.report() if guard is not None else {}
            if now != said:
                log.info("%s", ", ".join(f"{key} {value}" for key, value in now.items()))
            said = now


def _offered(plan: HostPlan) -> Offered:
    """Servers to start; those of ``plan.definitions`` in place of ours of the same name."""
    known = [*OFFERS, *(name for name in plan.definitions if name not in OFFERS)]
    unknown = [name for name in plan.only if name not in known]
    if unknown:
        raise OperatorError(f"there is no server {', '.join(unknown)}",
                            remedy=f"there are {', '.join(known)}")
    wanted = [name for name in known if not plan.only or name in plan.only]
    ours = [name for name in wanted if name not in plan.definitions]
    found = offered(plan.directory, ours, [plan.name or plan.bind, *plan.tls_name], plan.ca, plan.ca_key)
    definitions = {name: plan.definitions.get(name) or found.definitions[name] for name in wanted}
    return Offered(definitions, found.ca, found.words)


def _ports(plan: HostPlan, definitions: Mapping[str, object]) -> dict[str, int]:
    unknown = [name for name in plan.ports if name not in definitions and name not in OFFERS]
    if unknown:
        raise OperatorError(f"ports: there is no server {', '.join(unknown)}",
                            remedy=f"there are {', '.join(definitions)}")
    return {**{name: offer.port for name, offer in OFFERS.items() if name in definitions}, **plan.ports}


async def _start_control(plan: HostPlan, park: Park) -> tuple[Control | None, ControlPlace | None]:
    if plan.control is None:
        return None, None
    host, port = plan.control
    token = _token(plan.token_file) if plan.token_file is not None else None
    if token is None and not host.startswith("127."):
        raise OperatorError(f"the control port may not be open to everybody at {host}",
                            remedy="give --token-file, or leave it at 127.0.0.1")
    control = Control(park, token=token)
    try:
        where = await control.start(host, port)
    except OSError as error:
        raise OSError(error.errno, f"the control port cannot listen at {host}:{port}: {error}") from error
    called = plan.name or plan.bind if where[0] == _ANYWHERE else where[0]
    token_file = str(plan.token_file.absolute()) if plan.token_file else None
    return control, ControlPlace(called, where[1], token_file)


def _token(path: Path) -> str:
    """The token in a file, made when there is none; for its owner alone."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    if path.stat().st_mode & 0o077:
        raise OperatorError(f"{path} can be read by others", remedy=f"chmod 600 {path}")
    token = path.read_text(encoding="utf-8").strip()
    if len(token) < 16:
        raise OperatorError(f"the token in {path} is too short", remedy="remove the file: one is made")
    return token


def _map(plan: HostPlan, park: Park, what: Offered, control: ControlPlace | None) -> ServiceMap:
    host = plan.name or plan.bind
    places = {name: tuple(replace(place, host=host) for place in found)
              for name, found in park.endpoints().items()}
    return ServiceMap(host, places, str(what.ca.absolute()) if what.ca else None, control, what.words)


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
        with path.open("w", encoding="utf-8") as stream:
            stream.write(text)
        return
    path = path.resolve()  # a link stays a link
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def read_ports(path: Path) -> dict[str, int]:
    """Ports by server from a YAML file; OperatorError when it holds something else."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise OperatorError(f"{path}: {error}") from None
    if not isinstance(data, dict) or not all(
        isinstance(name, str) and isinstance(port, int) and 0 < port < 65536 for name, port in data.items()
    ):
        raise OperatorError(f"{path}: lines `server: port` are expected",
                            remedy="write for example echo: 7007")
    return data
