"""`[engine]`: how a plan is carried out."""

from oslo_config import cfg

group = cfg.OptGroup("engine", title="Engine", help="How a plan is carried out.")

opts = [
    cfg.IntOpt("parallel", default=32, min=1, max=1000, help="Calls in flight at once, at most."),
    cfg.FloatOpt(
        "timeout",
        default=1800.0,
        min=1.0,
        max=604800.0,
        help="Seconds that a whole run may take; then what is in flight is finished, the rest is left, and the exit code is 8.",
    ),
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
]
