"""`[simulator]`: the simulated cloud, and what goes wrong in it."""

from oslo_config import cfg

group = cfg.OptGroup(
    "simulator", title="Simulator", help="A deterministic cloud on a virtual clock; the same seed gives the same day."
)


def _chance(name: str, what: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(name, min=0.0, max=1.0, help=f"Probability that {what}. By default what `faults` says.")


def _seconds(name: str, what: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(name, min=0.0, max=86400.0, help=f"Simulated seconds {what}. By default what `faults` says.")


opts = [
    cfg.IntOpt("seed", default=0, min=0, max=2**31, help="What the latencies and faults are drawn from."),
    cfg.StrOpt(
        "faults",
        default="none",
        choices=[
            ("none", "nothing goes wrong"),
            ("flaky", "faults that pass, so a run succeeds"),
            ("hostile", "everything goes wrong some time"),
        ],
        help="What kind of day it is; the options below change parts of it.",
    ),
    cfg.FloatOpt("jitter", default=0.1, min=0.0, max=1.0, help="The share by which times vary; 0.1 is ten percent up or down."),
    _seconds("latency_min", "that a call takes at least"),
    _seconds("latency_max", "that a call takes at most"),
    _chance("error_before", "a call fails before it does anything"),
    _chance("throttle", "a call is refused with 429 and Retry-After"),
    _chance("error_after", "a call does its work and then answers 5xx"),
    _chance("lost_response", "a call does its work and its answer is lost"),
    _chance("terminal_error", "a thing ends in ERROR instead of ACTIVE"),
    _chance("never_ready", "a thing never gets ready"),
    _chance("vanish", "a thing disappears some time after it was ready"),
    _seconds("list_lag", "by which lists are behind the truth"),
    cfg.IntOpt("quota", min=0, max=1000000, help="How many things may exist at once in a deployment; 0 for any number."),
    _seconds("unreachable_after", "after which nothing answers"),
    _seconds("unreachable_for", "for which nothing answers"),
    cfg.IntOpt(
        "in_a_row", min=0, max=1000, help="At most so many random faults in a row for one call of one node; 0 for no limit."
    ),
]
