"""`[openstack]`: how the OpenStack provider speaks with a cloud. How it logs in is said by `[keystone]`."""

from oslo_config import cfg

group = cfg.OptGroup(
    "openstack", title="OpenStack", help="How the provider `openstack` speaks with a cloud; `[keystone]` says how it logs in."
)

opts = [
    cfg.IntOpt(
        "concurrency",
        default=8,
        min=1,
        max=100,
        help="Requests in flight at once, at most, over all services of the cloud.",
    ),
    cfg.FloatOpt(
        "rate",
        min=0.01,
        max=1000.0,
        help="Requests a second, at most, over all services of the cloud. By default there is no limit.",
    ),
    cfg.FloatOpt(
        "request_timeout",
        default=60.0,
        min=0.1,
        max=3600.0,
        help="Seconds that one request may take; `api_timeout` of clouds.yaml wins.",
    ),
]
