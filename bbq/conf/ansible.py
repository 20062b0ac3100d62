"""`[ansible]`: operations of TOSCA's lifecycle on servers."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg, types

from bbq.conf.places import AbsolutePath

group = cfg.OptGroup(
    "ansible", title="Operations", help="How the operations of templates are carried out on servers, by Ansible."
)


class _Pairs(types.List):
    """`NAME=VALUE, ...`; with `absolute` each value is a path."""

    def __init__(self, allowed: str, *, absolute: bool = False) -> None:
        super().__init__()
        self.allowed = allowed
        self._absolute = absolute

    def __call__(self, value: Any) -> list[str]:
        found = []
        for item in super().__call__(value):
            name, separator, given = str(item).partition("=")
            if not separator or not name.strip() or not given.strip():
                raise ValueError(f"{item} is not {self.allowed}")
            found.append(f"{name.strip()}={AbsolutePath()(given.strip()) if self._absolute else given.strip()}")
        return found


opts = [
    cfg.BoolOpt(
        "allow_localhost",
        default=False,
        help="Lets operations work on this machine itself: those of nodes without a host, on a Compute node of the provider "
        "local that no address is known for, and where a template says ORCHESTRATOR. They run as you, outside of bbq's own "
        "directories, and what they change is taken back only by the template's own stop and delete.",
    ),
    cfg.Opt(
        "hosts",
        type=_Pairs("a list of NODE=[USER@]ADDRESS[:PORT]"),
        default=[],
        metavar="NODE=[USER@]ADDRESS[:PORT]",
        help="Servers that stand for nodes of the type tosca.nodes.Compute with the provider local, by the node's name "
        "(server=admin@192.0.2.7, worker[0]=192.0.2.8:2222). A template may name the address itself, as the attribute "
        "public_address.",
    ),
    cfg.StrOpt("user", help="Who logs in by SSH where nothing else says it. By default what ssh would take."),
    cfg.IntOpt("port", default=22, min=1, max=65535, help="The port of the SSH servers where nothing else says it."),
    cfg.Opt("private_key_file", type=AbsolutePath(), help="The key to log in with. By default the keys that ssh itself finds."),
    cfg.StrOpt(
        "host_key_checking",
        default="accept-new",
        choices=[
            (
                "accept-new",
                "a key that is seen for the first time is recorded for the deployment; another one later is refused",
            ),
            ("strict", "the key must be known from before: from the server's own console, or in ~/.ssh/known_hosts"),
        ],
        help="What to do about a server's key.",
    ),
    cfg.BoolOpt("become", default=False, help="Do everything as root, by sudo. Playbooks can ask for it themselves."),
    cfg.StrOpt("become_password", secret=True, help="The password that sudo asks for."),
    cfg.Opt(
        "roles_path",
        type=types.List(item_type=AbsolutePath()),
        default=[],
        help="Directories with roles, one folder a role, named as playbooks name it (indigo-dc.spark). Nothing is fetched from "
        "Galaxy: ansible-galaxy role install -p DIRECTORY NAME does that.",
    ),
    cfg.Opt(
        "galaxy_map",
        type=_Pairs("a list of ROLE=DIRECTORY, absolute", absolute=True),
        default=[],
        metavar="ROLE=DIRECTORY",
        help="Roles that are elsewhere, or under another name: indigo-dc.spark=/srv/roles/spark.",
    ),
    cfg.FloatOpt(
        "operation_timeout",
        default=3600.0,
        min=1.0,
        max=604800.0,
        help="Seconds that an operation may take which has no timeout of its own.",
    ),
    cfg.BoolOpt(
        "skip_failed_deletes",
        default=False,
        help="Goes on with a destroy although a stop or delete operation failed. What it should have taken away stays.",
    ),
    cfg.IntOpt("connect_timeout", default=10, min=1, max=600, help="Seconds to wait for an SSH server's answer."),
    cfg.StrOpt(
        "python_interpreter",
        default="auto_silent",
        help="The Python that Ansible runs its modules with on the servers; auto_silent looks for one.",
    ),
    cfg.IntOpt("verbosity", default=0, min=0, max=4, help="How much Ansible writes to the node's log: as many -v."),
]


def pairs(given: list[str]) -> dict[str, str]:
    """Name -> value of an option of this group that has pairs."""
    return {name: value for name, _, value in (item.partition("=") for item in given)}
