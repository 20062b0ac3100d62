"""`[state]`: what bbq keeps on this machine."""

from oslo_config import cfg

group = cfg.OptGroup("state", title="State", help="What bbq keeps on this machine, readable by its user only.")

opts = [
    cfg.StrOpt(
        "directory",
        sample_default="$XDG_STATE_HOME/bbq",
        help="The directory of the journal, of generated secrets and of the local provider's processes (mode 0700).",
    ),
]
