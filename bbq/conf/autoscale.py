"""`[autoscale]`: how many copies the length of a queue asks for."""

from oslo_config import cfg

group = cfg.OptGroup("autoscale", title="Autoscaling", help="Defaults of `bbq-deploy autoscale`.")

opts = [
    cfg.IntOpt("min", default=1, min=0, max=10000, help="Copies that are kept, at least."),
    cfg.IntOpt("max", default=8, min=1, max=10000, help="Copies that are run, at most."),
    cfg.IntOpt("messages_per_worker", default=20, min=1, max=1000000, help="Messages in the queue that ask for one copy."),
    cfg.FloatOpt("interval", default=10.0, min=0.1, max=3600.0, help="Seconds between two looks at the queue."),
]
