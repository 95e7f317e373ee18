"""A person as the far side: asked in words to do what the network or another telephone would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.roots.farside.surroundings import Bystander, lacks

DONE, CANNOT = "done", "cannot"


@dataclass(frozen=True, slots=True)
class ManualDriver:
    """``verbs``: what the person can do; ``number``: the telephone number of the slot's SIM."""

    slot: str
    number: str | None
    verbs: frozenset[str]
    within_s: float
    bystander: Bystander

    def act(self, verb: str, **values: str) -> None:
        """Ask the person and wait. NotPossible when the person cannot, OperatorError when none answers."""
        if verb not in self.verbs:
            raise lacks(self.slot, verb, self.why_not(verb), "name it under verbs")
        answer = self.bystander.prompter().ask(
            self._words(verb, values), about=f"slot {self.slot}", answers=(DONE, CANNOT),
            within_s=self.within_s)
        if answer != DONE:
            raise lacks(self.slot, verb, "the person says so")

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """NotPossible: a person's eyes are no measurement."""
        raise lacks(self.slot, f"report {what}", "a person sees nothing of it")

    def can(self, verb: str) -> bool:
        """True for what the rig file says the person can do."""
        return verb in self.verbs

    def why_not(self, verb: str) -> str:
        """The rig file does not name it."""
        return "the person is not asked for it"

    def _words(self, verb: str, values: Mapping[str, str]) -> str:
        known = _SENTENCES.get(verb)
        number = self.number or "the number of its SIM"
        if known is not None:
            return known(number, values)
        told = " ".join(f"{key}={value}" for key, value in values.items())
        return f"Have the far side do: {verb}{f' {told}' if told else ''}."


def _call(number: str, values: Mapping[str, str]) -> str:
    if values.get("end"):
        return f"Hang up the call with {number}."
    caller = f" from {values['number']}" if values.get("number") else ""
    return f"Call {number}{caller} and let it ring."


def _sms(number: str, values: Mapping[str, str]) -> str:
    sender = f" from {values['from']}" if values.get("from") else ""
    return f"Send a short message to {number}{sender} with exactly this text: {values.get('text', '')}"


def _coverage(number: str, values: Mapping[str, str]) -> str:
    how = {"lost": "Take the coverage away: disconnect the antenna or close the shielding box",
           "weak": "Make the coverage weak: put the antenna where the module just keeps its registration",
           "normal": "Give good coverage: connect the antenna, open the shielding box"}
    return f"{how.get(values.get('state', ''), 'Change the coverage')}."


_SENTENCES: Mapping[str, Callable[[str, Mapping[str, str]], str]] = MappingProxyType(
    {"call": _call, "sms": _sms, "coverage": _coverage})
