"""`[journal]`: where it is written down what was done."""

from oslo_config import cfg

from bbq.conf.places import JournalAddress

group = cfg.OptGroup("journal", title="Journal", help="Where bbq writes down what it intends and what happened.")

opts = [
    cfg.Opt(
        "connection",
        type=JournalAddress(),
        sample_default="sqlite:///$XDG_STATE_HOME/bbq/journal.db",
        secret=True,
        help="The journal: sqlite:///PATH for one machine, postgresql://USER:PASSWORD@HOST/DATABASE for a team. By default "
        "the file journal.db in the state directory.",
    ),
]
