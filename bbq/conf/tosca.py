"""`[tosca]`: reading templates."""

from oslo_config import cfg

group = cfg.OptGroup("tosca", title="Templates", help="How templates are read, and what abstract nodes are replaced by.")

opts = [
    cfg.MultiStrOpt(
        "import_map",
        default=[],
        metavar="PREFIX=DIRECTORY",
        help="Reads imports whose URL starts with PREFIX from DIRECTORY instead of the network. PREFIX may be the name of a "
        "profile or a whole URL, too, and a file stand for it. May be given several times; in the environment, separated by "
        "commas.",
    ),
    cfg.ListOpt(
        "allowed_hosts",
        default=[],
        help="Hosts that imports may be fetched from, over https: example.org, example.org:8443; or http://example.org, where "
        "plain http is meant. None by default: nothing is fetched. Hosts with private, loopback or link-local addresses are "
        "refused all the same. bbq-deploy lock pins what was fetched.",
    ),
    cfg.ListOpt(
        "template_dirs",
        default=[],
        help="Directories with substitution templates of your own, searched before the bundled ones, first one first. Each "
        "holds a folder a provider (local/, simulator/).",
    ),
]
