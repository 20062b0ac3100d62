"""`[tosca]`: reading templates."""

from oslo_config import cfg

group = cfg.OptGroup("tosca", title="Templates", help="How templates are read, and what abstract nodes are replaced by.")

opts = [
    cfg.MultiStrOpt(
        "import_map",
        default=[],
        metavar="PREFIX=DIRECTORY",
        help="Reads imports whose URL starts with PREFIX from DIRECTORY instead of the network. May be given several times; in "
        "the environment, separated by commas.",
    ),
    cfg.ListOpt(
        "template_dirs",
        default=[],
        help="Directories with substitution templates of your own, searched before the bundled ones, first one first. Each "
        "holds a folder a provider (local/, simulator/).",
    ),
]
