"""`[simulator]`: the simulated cloud."""

from oslo_config import cfg

group = cfg.OptGroup(
    "simulator", title="Simulator", help="A deterministic cloud on a virtual clock; the same seed gives the same day."
)

opts = [
    cfg.IntOpt("seed", default=1, min=0, max=2**31, help="What the simulated cloud's latencies and faults are drawn from."),
]
