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
        "request_interval",
        default=0.0,
        min=0.0,
        max=60.0,
        help="Seconds from the beginning of one request to that of the next, at least, over all services of the cloud.",
    ),
    cfg.FloatOpt(
        "request_timeout",
        default=60.0,
        min=0.1,
        max=3600.0,
        help="Seconds that one request may take; `api_timeout` of clouds.yaml wins.",
    ),
    cfg.StrOpt(
        "network",
        help="The existing network for servers that the template gives none (name or ID); by default the only one there is.",
    ),
    cfg.StrOpt(
        "public_network",
        help="The external network that floating IPs come from (name or ID); by default the only one there is.",
    ),
    cfg.BoolOpt(
        "floating_ips",
        default=False,
        help="Gives a floating IP to servers of which the template does not say how they are reached: needed to put software "
        "on them from outside of the cloud's networks.",
    ),
    cfg.StrOpt(
        "image",
        help="The image of servers whose image the template says nothing about (name or ID); by default the only one there is.",
    ),
    cfg.StrOpt(
        "key_name",
        help="The key pair for SSH to servers; by default the only one there is.",
    ),
    cfg.StrOpt(
        "ssh_cidr",
        default="0.0.0.0/0",
        help="Who may reach servers by SSH, where the template does not say it.",
    ),
    cfg.StrOpt(
        "spark_home",
        help="Where Spark is on servers; by default it is installed there by pip.",
    ),
    cfg.StrOpt(
        "program_python",
        help="The Python of applications on servers, with all that they import; by default an environment is made there, with "
        "`program_packages` and what requirements.txt beside the application names.",
    ),
    cfg.ListOpt(
        "program_packages",
        default=[],
        help="What pip installs for applications on servers, beside their requirements.txt.",
    ),
    cfg.StrOpt(
        "prices",
        help="A YAML file with prices per hour, from which plans say what they cost: currency, flavors, cores, memory_gib, "
        "volume_gib, floating_ips.",
    ),
    cfg.IntOpt(
        "max_resources_per_stack",
        default=1000,
        min=-1,
        max=100000,
        help="Resources of one stack, as the cloud's Heat has it; more are made in several stacks. -1: as many as there are.",
    ),
]
