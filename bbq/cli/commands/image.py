"""`bbq-deploy image`: make images of cluster nodes, and bring them into a cloud."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbq.cli import options, parsing
from bbq.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bbq.cli.session import Session
    from bbq.providers.openstack.images import SaharaUse, TroveUse
    from bbq.providers.openstack.session import Cloud

EXAMPLES = (
    "bbq-deploy image build spark -o spark.qcow2  # as root",
    "bbq-deploy image upload spark.qcow2 --name bbq-spark",
    "bbq-deploy image upload hadoop.qcow2 --name spark-3 --sahara-plugin spark --sahara-version 3.1.1 --os-admin-user debian",
    "bbq-deploy image upload mysql.qcow2 --name mysql-8 --trove-datastore mysql --trove-version 8.0",
    "bbq-deploy image list",
)
_OS = ("os_type", "os_distro", "os_version", "os_admin_user", "architecture")
"""Properties that have an option, beside `--property`."""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _build_arguments(actions.add_parser("build", help="make an image with diskimage-builder; needs root"))
    _upload_arguments(actions.add_parser("upload", help="bring an image into a cloud, once, and register it"))
    actions.add_parser("list", help="show the images that were brought into a cloud")
    for action in actions.choices.values():
        parsing.common(action, parsing.FORMATS)


def _build_arguments(parser: argparse.ArgumentParser) -> None:
    from bbq.operations.image_build import DEFAULT_RELEASE, kinds

    parser.add_argument(
        "kinds", nargs="+", metavar="KIND", help=f"what is in it: {', '.join(kinds())}; several are put together"
    )
    parser.add_argument("--output", "-o", required=True, metavar="FILE", help="the image, such as spark.qcow2")
    parser.add_argument(
        "--release", default=DEFAULT_RELEASE, metavar="NAME", help=f"the release of Debian; {DEFAULT_RELEASE} by default"
    )
    parser.add_argument("--element", action="append", default=[], metavar="DIR", help="an element of yours; repeatable")
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="a further package; repeatable")
    parser.add_argument("--force", action="store_true", help="replace the image where it is there")


def _upload_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="an image, of build or of another program")
    parser.add_argument("--name", required=True, metavar="NAME", help="its name in the cloud")
    for name in _OS:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=f"the property {name}; else what build says")
    parser.add_argument("--property", action="append", default=[], metavar="NAME=VALUE", help="a further property; repeatable")
    parser.add_argument("--disk-format", metavar="FORMAT", help="for a disk without partitions: raw; else the file says it")
    parser.add_argument("--min-disk", metavar="GIB", help="that a server's disk must have; the image's own size by default")
    parser.add_argument("--min-ram", metavar="MIB", help="of memory that a server must have")
    parser.add_argument("--visibility", choices=("private", "shared", "community", "public"), help="who sees it")
    parser.add_argument("--replace", action="store_true", help="images of the name with another content go")
    parser.add_argument("--sahara-plugin", metavar="NAME", help="register it for this plugin of Sahara")
    parser.add_argument("--sahara-version", metavar="VERSION", help="the plugin's version")
    parser.add_argument(
        "--trove-datastore", metavar="NAME", help="register it for this datastore of Trove, as an administrator"
    )
    parser.add_argument("--trove-version", metavar="VERSION", help="the datastore's version")
    parser.add_argument("--trove-manager", metavar="NAME", help="what manages it in the guest; the datastore's name by default")


def run(session: Session) -> int:
    return _ACTIONS[session.args.action](session)


def _build(session: Session) -> int:
    from bbq.operations.image_build import build

    args = session.args
    built = build(
        args.kinds,
        args.output,
        release=args.release,
        elements=args.element,
        packages=args.package,
        force=args.force,
        tell=session.notice,
    )
    row = (str(built.path), built.size, " ".join(built.elements), _pairs(built.properties))
    session.view.table("image", ("file", "size", "elements", "properties"), [row])
    return ExitCode.OK


def _upload(session: Session) -> int:
    from bbq.operations.image_build import properties_file

    args = session.args
    path = Path(args.file)
    given = _properties(args)
    min_disk, min_ram = (
        options.number(value or "0", flag) for value, flag in ((args.min_disk, "--min-disk"), (args.min_ram, "--min-ram"))
    )
    for one, other in (("sahara_plugin", "sahara_version"), ("trove_datastore", "trove_version")):
        if bool(getattr(args, one)) != bool(getattr(args, other)):
            raise UsageError(f"--{one.replace('_', '-')} and --{other.replace('_', '-')} go together")
    _check_installed()
    from bbq.providers.openstack.image_file import examine
    from bbq.providers.openstack.images import Wanted, upload

    file = examine(path, properties_file(path), args.disk_format)
    properties = {**file.properties, **given}
    wanted = Wanted(args.name, properties, min_disk, min_ram, args.visibility, _for_sahara(args, properties), _for_trove(args))
    done = _asked(
        session, lambda cloud: upload(cloud, file, wanted, replace=args.replace, tell=session.notice), f"upload {args.name}"
    )
    if not done.sent:
        session.notice(f"the cloud has the same image already: {done.id}")
    row = (
        args.name,
        done.id,
        "sent" if done.sent else "there",
        ", ".join(done.replaced) or None,
        "; ".join(done.registered) or None,
    )
    session.view.table("image", ("name", "id", "state", "replaced", "registered"), [row])
    return ExitCode.OK


def _properties(args: argparse.Namespace) -> dict[str, str]:
    found = {name: value for name in _OS if (value := getattr(args, name)) is not None}
    for pair in args.property:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"--property {pair!r} is not NAME=VALUE", hint="for example --property hw_disk_bus=virtio")
        found[name] = value
    return found


def _for_sahara(args: argparse.Namespace, properties: dict[str, str]) -> SaharaUse | None:
    from bbq.providers.openstack.images import SaharaUse

    if not args.sahara_plugin:
        return None
    user = properties.get("os_admin_user")
    if not user:
        raise UsageError("Sahara needs to know who logs in to servers of the image", hint="for example --os-admin-user debian")
    return SaharaUse(args.sahara_plugin, args.sahara_version, user)


def _for_trove(args: argparse.Namespace) -> TroveUse | None:
    from bbq.providers.openstack.images import TroveUse

    if not args.trove_datastore:
        return None
    return TroveUse(args.trove_datastore, args.trove_version, args.trove_manager or args.trove_datastore)


def _list(session: Session) -> int:
    _check_installed()
    from bbq.providers.openstack.images import uploaded

    rows = [
        (item["name"], item["id"], item["status"], item["size"], _pairs({name: item[name] for name in _OS if item.get(name)}))
        for item in _asked(session, uploaded, "list the images")
    ]
    session.view.table("images", ("name", "id", "status", "size", "properties"), rows)
    if not rows:
        session.notice("there are no images of bbq's")
    return ExitCode.OK


def _check_installed() -> None:
    from bbq.providers.openstack import check_installed

    check_installed()


def _asked(session: Session, ask: Callable[[Cloud], Any], what: str) -> Any:
    """What the cloud says; made again, each of these calls does the same."""
    from bbq.engine.clock import RealClock
    from bbq.operations.observe import asked
    from bbq.providers.openstack.session import shared

    cloud = shared(session.workspace.config)
    return asked(lambda: ask(cloud), RealClock(), what)


def _pairs(values: Any) -> str | None:
    return " ".join(f"{name}={value}" for name, value in values.items()) or None


_ACTIONS = {"build": _build, "upload": _upload, "list": _list}
