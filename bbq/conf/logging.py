"""`[logging]`: where details of unexpected errors go."""

from oslo_config import cfg

group = cfg.OptGroup("logging", title="Logging", help="The log for those who look for the cause of something.")

opts = [
    cfg.StrOpt(
        "level",
        default="warning",
        choices=["debug", "info", "warning", "error"],
        help="What goes to the log file; --debug means debug. Secrets are never logged.",
    ),
    cfg.StrOpt(
        "file",
        sample_default="$XDG_STATE_HOME/bbq/bbq.log",
        help="The log file (mode 0600); by default in the state directory.",
    ),
]
