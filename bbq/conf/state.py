"""`[state]`: what bbq keeps on this machine."""

from oslo_config import cfg

from bbq.conf.places import AbsolutePath

group = cfg.OptGroup("state", title="State", help="What bbq keeps on this machine, readable by its user only.")

opts = [
    cfg.Opt(
        "directory",
        type=AbsolutePath(),
        sample_default="$XDG_STATE_HOME/bbq",
        help="The directory of the journal, of generated secrets and of the local provider's processes (mode 0700).",
    ),
]
