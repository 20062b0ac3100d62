"""`[engine]`: how a plan is carried out."""

from oslo_config import cfg

group = cfg.OptGroup("engine", title="Engine", help="How a plan is carried out.")

_LONGEST = 604800.0


def _limit(name: str, what: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        f"{name}_timeout",
        min=0.1,
        max=_LONGEST,
        help=f"Seconds that {what}. By default what the node's type says; `timeouts` of a node wins over both.",
    )


opts = [
    cfg.IntOpt("parallel", default=32, min=1, max=1000, help="Calls to the provider in flight at once, at most."),
    cfg.StrOpt(
        "on_error",
        default="stop",
        choices=[
            ("stop", "start nothing new, finish what is in flight"),
            ("continue", "go on with what does not depend on the part that failed"),
            ("rollback", "take away what this run has made"),
        ],
        help="What to do when a part fails.",
    ),
    cfg.FloatOpt(
        "timeout",
        min=0.1,
        max=_LONGEST,
        help="Seconds that a whole run may take; what is in flight then is finished, the rest is left, and the exit code is 8. "
        "By default there is no limit beside those of the single steps.",
    ),
    _limit("create", "the call that makes a thing may take"),
    _limit("ready", "a thing may take from being made to being ready"),
    _limit("delete", "a thing may take to be gone"),
    cfg.IntOpt("retries", default=8, min=0, max=100, help="How often a call is tried again after a fault that may pass."),
]
