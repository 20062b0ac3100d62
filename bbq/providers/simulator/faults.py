"""What goes wrong in the simulated cloud: at random from a seed, by a script, or both.

Options (`[simulator]`, `DeploymentContext.options`):

    seed                    an integer; the same seed, template and options give the same run
    faults                  a preset: none (default), flaky (passing faults only, so a run succeeds), hostile (everything)
    latency_min, latency_max
                            seconds that one call takes, evenly distributed
    error_before            probability that a call fails before it does anything (`TransientFault`)
    throttle                ... that it is refused with 429 and Retry-After (`TransientFault` with `retry_after`)
    error_after             ... that it does its work and then answers 5xx (`AmbiguousFault`)
    lost_response           ... that it does its work and the answer is lost after 30 s (`AmbiguousFault`)
    terminal_error          probability that a thing made ends in ERROR instead of ACTIVE
    never_ready             ... that it stays in BUILD for ever
    vanish                  ... that it disappears some time after it was ready
    list_lag                seconds by which `find` and the lists are behind the truth
    quota                   how many things may exist at once (`QuotaFault`)
    unreachable_after, unreachable_for
                            no call goes through (`UnreachableFault`) from so many seconds after the opening, for so long
    in_a_row                at most so many random faults in a row for one call of one node; 0 for no limit

Scripts are for tests: `faults.script("db", "create", "throttle", None, "lost_response")` says what happens to the first,
second and third `create` of the node `db` (None: nothing), and wins over chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from bbq.engine.contract import AmbiguousFault, PermanentFault, ProviderFault, QuotaFault, TransientFault, UnreachableFault
from bbq.errors import ConfigurationError
from bbq.providers.simulator.catalogue import chance

LOST_RESPONSE_SECONDS: Final = 30.0
RETRY_AFTER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Rates:
    """See the module's text for each."""

    latency_min: float = 0.05
    latency_max: float = 0.15
    error_before: float = 0.0
    throttle: float = 0.0
    error_after: float = 0.0
    lost_response: float = 0.0
    terminal_error: float = 0.0
    never_ready: float = 0.0
    vanish: float = 0.0
    list_lag: float = 0.0
    quota: int = 0
    unreachable_after: float = 0.0
    unreachable_for: float = 0.0
    in_a_row: int = 3


PRESETS: Final[Mapping[str, Rates]] = {
    "none": Rates(),
    "flaky": Rates(
        latency_max=2.0, error_before=0.05, throttle=0.05, error_after=0.05, lost_response=0.02, list_lag=2.0, in_a_row=3
    ),
    "hostile": Rates(
        latency_max=5.0,
        error_before=0.1,
        throttle=0.1,
        error_after=0.1,
        lost_response=0.05,
        terminal_error=0.02,
        never_ready=0.01,
        vanish=0.02,
        list_lag=4.0,
        in_a_row=0,
    ),
}

BEFORE: Final = ("error_before", "throttle", "unreachable", "quota", "permanent")
AFTER: Final = ("error_after", "lost_response")
FATES: Final = ("terminal_error", "never_ready", "vanish")
_WITHOUT_EFFECT: Final = frozenset({"find", "list_states", "list_tagged", "probe"})
"""Calls that change nothing: when their answer is lost, that is all that happened."""


class Faults:
    """Decides, call by call. Counts what it did in `done`, by name."""

    def __init__(self, rates: Rates | None = None, seed: int = 0) -> None:
        self.rates = rates or Rates()
        self.seed = seed
        self.done: Counter[str] = Counter()
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._in_a_row: Counter[tuple[str, str]] = Counter()
        self._scripts: dict[tuple[str, str], list[str | None]] = {}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Faults:
        """Raises `ConfigurationError` for a preset or a value that there is not."""
        preset = options.get("faults") or "none"
        if preset not in PRESETS:
            raise ConfigurationError(
                f"[simulator] faults: there is no preset {preset!r}", hint=f"there are: {', '.join(PRESETS)}"
            )
        changes: dict[str, float] = {}
        for field in fields(Rates):
            value = options.get(field.name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ConfigurationError(f"[simulator] {field.name}: a number from 0 on, not {value!r}")
            changes[field.name] = value
        return cls(replace(PRESETS[preset], **changes), int(options.get("seed") or 0))  # type: ignore[arg-type]

    def script(self, node: str, call: str, *faults: str | None) -> None:
        """What happens to the next calls of that kind for that node (`*` is the node of a list call). Call kinds are create,
        update, delete, find, probe, list_states, list_tagged; besides, `fate` says what becomes of the next things made."""
        known = FATES if call == "fate" else (*BEFORE, *AFTER)
        if wrong := [fault for fault in faults if fault is not None and fault not in known]:
            raise ValueError(f"no such fault of {call}: {', '.join(wrong)}; there are: {', '.join(known)}")
        self._scripts.setdefault((node, call), []).extend(faults)

    def latency(self, call: str, node: str) -> float:
        """Seconds that the call takes; asked for before `draw`, which counts the call."""
        rates = self.rates
        spread = rates.latency_max - rates.latency_min
        if spread <= 0:
            return rates.latency_min
        return rates.latency_min + spread * chance(self.seed, "latency", call, node, self._numbers[call, node])

    def draw(self, call: str, node: str) -> str | None:
        """The fault that this call meets, by its name, or None."""
        key = (node, call)
        number = self._numbers[call, node]
        self._numbers[call, node] += 1
        if script := self._scripts.get(key):
            fault = script.pop(0)
        elif self.rates.in_a_row and self._in_a_row[key] >= self.rates.in_a_row:
            fault = None
        else:
            fault = self._by_chance((*BEFORE[:2], *AFTER), chance(self.seed, call, node, number))
        self._in_a_row[key] = self._in_a_row[key] + 1 if fault else 0
        if fault:
            self.done[fault] += 1
        return fault

    def fate(self, node: str, number: int) -> str | None:
        """What becomes of the `number`-th thing made for the node: one of `FATES`, or None: it gets ready."""
        if script := self._scripts.get((node, "fate")):
            fate = script.pop(0)
        else:
            fate = self._by_chance(FATES, chance(self.seed, "fate", node, number))
        if fate:
            self.done[fate] += 1
        return fate

    def unreachable(self, since_opening: float) -> bool:
        rates = self.rates
        return rates.unreachable_after <= since_opening < rates.unreachable_after + rates.unreachable_for

    def _by_chance(self, names: tuple[str, ...], number: float) -> str | None:
        for name in names:
            rate = getattr(self.rates, name)
            if number < rate:
                return name
            number -= rate
        return None


def fault_of(name: str, call: str) -> ProviderFault:
    """What the caller of `call` sees of that fault."""
    if name in AFTER and call not in _WITHOUT_EFFECT:
        return AmbiguousFault(
            "the answer was lost (simulated)" if name == "lost_response" else "500 Internal Server Error (simulated)"
        )
    if name == "throttle":
        return TransientFault("429 Too Many Requests (simulated)", RETRY_AFTER_SECONDS)
    if name == "unreachable":
        return UnreachableFault("connection refused (simulated)")
    if name == "quota":
        return QuotaFault("the quota is used up (simulated)", hint="raise [simulator] quota, or destroy something")
    if name == "permanent":
        return PermanentFault("400 Bad Request (simulated)")
    return TransientFault("503 Service Unavailable (simulated)")
