"""Reads the configuration and says where every value came from.

Later wins: defaults, /etc/bbq/bbq.conf, the user's file (both replaced by the files given), the environment, flags. oslo.config
reads files and checks types; environment and flags become overrides, whose values it checks in the same way.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg, types

from bbq.conf import ini, keystone
from bbq.conf.opts import MODULES
from bbq.datafiles import data_dir
from bbq.errors import ConfigurationError

MASK = "********"
BOUNDS = (("autoscale", "min", "max"), ("simulator", "latency_min", "latency_max"))
"""(group, an option, one that must not be less)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One option as it is in force. `origin`: default, `<file>:<line>`, a variable's name, or `flag`."""

    group: str
    name: str
    value: Any
    origin: str
    help: str
    secret: bool


class Config:
    """The effective configuration: `config.engine.parallel`. `warnings` names unknown options, with the nearest known name;
    `files` are those that were given (absolute), not those at the usual places. `login_problems` says why `[keystone]` is of no
    use: that matters to those who log in only.

    Values have the types that the options declare (`bbq-deploy config`, docs/reference/options).
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        origins: Mapping[tuple[str, str], str],
        warnings: Sequence[str],
        files: Sequence[str],
        login_problems: Sequence[str] = (),
    ) -> None:
        self._conf = conf
        self._origins = origins
        self.files = tuple(os.path.abspath(file) for file in files)  # noqa: PTH100
        self.warnings = tuple(warnings)
        self.kept: dict[str, Any] = {}
        """What lives as long as the configuration: the login to a cloud, which a plan and the run after it share."""
        self.login_problems = tuple(login_problems)

    def __getattr__(self, group: str) -> Any:
        if group.startswith("_") or group not in self._conf._groups:
            raise AttributeError(f"there is no option group [{group}]")
        return self._conf[group]

    def group(self, name: str) -> dict[str, Any]:
        """The options of a group as a plain dict; empty where there is no such group."""
        if name not in self._conf._groups:
            return {}
        return {option: self._conf[name][option] for option in self._conf[name]}

    def origin(self, group: str, option: str) -> str:
        """Where the option's value comes from (see `Setting`)."""
        return self._origins.get((group, option), "default")

    @property
    def oslo(self) -> cfg.ConfigOpts:
        """The `ConfigOpts` itself, for keystoneauth's `load_auth_from_conf_options` (group `keystone`).

        Raises `ConfigurationError` with everything that is wrong in that group.
        """
        if self.login_problems:
            raise ConfigurationError(
                "; ".join(self.login_problems),
                hint="complete [keystone], or name a cloud of clouds.yaml instead ([keystone] cloud, OS_CLOUD)",
            )
        if "auth_type" not in self._conf["keystone"]:
            keystone.register(self._conf)
        return self._conf

    def settings(self) -> list[Setting]:
        """Every option in order, secrets masked, keystoneauth's own only where the group is used."""
        found = []
        for group in sorted(self._conf._groups.values(), key=lambda group: _rank(group.name)):
            for name, info in group._opts.items():
                try:
                    value = self._conf[group.name][name]
                except (cfg.Error, ValueError):  # of the login, which nobody may need: as it is written
                    value = _raw(self.origin(group.name, name))
                secret = info["opt"].secret and value is not None
                origin = self.origin(group.name, name)
                found.append(
                    Setting(group.name, name, MASK if secret else value, origin, info["opt"].help or "", info["opt"].secret)
                )
        return found


def _rank(name: str) -> int:
    names = [module.group.name for module in MODULES]
    return names.index(name) if name in names else len(names)


def load(
    files: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> Config:
    """The effective configuration.

    `files` replace those at the usual places; `flags` maps (group, option) to a value or to a list of texts.
    Raises `ConfigurationError` with every wrong value, its place and the allowed range.
    """
    environment = os.environ if environment is None else environment
    for file in files:
        if not os.path.isfile(file):  # noqa: PTH113
            raise ConfigurationError(f"there is no configuration file {file}", hint="check --config-file")
    read = list(files) or ini.default_files(environment)
    entries = ini.entries(read)
    variables = ini.environment_entries(environment)

    conf = cfg.ConfigOpts()
    for module in MODULES:
        conf.register_group(cfg.OptGroup(module.group.name))  # a group holds its options: a shared one would leak them
        conf.register_opts(module.opts, group=module.group.name)
    conf.set_default("directory", str(ini.state_directory(environment)), group="state")
    try:
        conf(args=[], project="bbq", default_config_files=read, default_config_dirs=[])
    except cfg.Error as error:
        raise ConfigurationError(f"the configuration cannot be read: {error}") from None

    problems: list[str] = []
    login = {entry.option: entry for entry in (*entries, *variables) if entry.group == keystone.group.name}
    login_problems: list[str] = []
    foreign = ""
    if login.keys() - {"cloud"}:  # after the parsing, which would insist on what a login lacks from those who need none
        named = login.get("auth_type")
        try:
            keystone.register(conf, named.value if named else None)
        except ConfigurationError as error:
            assert named is not None
            login_problems.append(f"{named.origin}: [keystone] auth_type = {named.value} is not allowed; {error}")
            foreign = keystone.group.name  # nobody knows its options
    origins = {(entry.group, entry.option): entry.origin for entry in entries}
    warnings = [
        _unknown(conf, entry)
        for entry in (*entries, *variables)
        if entry.group != foreign and not _known(conf, entry.group, entry.option)
    ]
    warnings += _single_underscores(conf, environment)
    for entry in variables:
        if _known(conf, entry.group, entry.option):
            opt = conf._groups[entry.group]._opts[entry.option]["opt"]
            told = login_problems if entry.group == keystone.group.name else problems
            value = entry.value.split(",") if opt.multi else entry.value
            if _override(conf, entry.group, entry.option, value, entry.file, told):
                origins[entry.group, entry.option] = entry.origin
    for (group, option), value in (flags or {}).items():
        if _override(conf, group, option, value, "the command line", problems):
            origins[group, option] = "flag"
    _check(conf, origins, problems, login_problems)
    if problems:
        raise ConfigurationError(
            "; ".join([*problems, *warnings]), hint=f"every option is explained in {data_dir('etc')}/bbq/bbq.conf.sample"
        )
    return Config(conf, origins, warnings, files, login_problems)


def _single_underscores(conf: cfg.ConfigOpts, environment: Mapping[str, str]) -> Iterator[str]:
    """`BBQ_ENGINE_PARALLEL` is not ours, and meant for us all the same."""
    ours = [name for name, value in environment.items() if name.startswith(ini.PREFIX) and "__" not in name and value]
    for group, holder in conf._groups.items() if ours else ():
        for option in holder._opts:
            for name in ours:
                if name.upper() == f"{ini.PREFIX}{group}_{option}".upper():
                    meant = f"{ini.PREFIX}{group}__{option}".upper()
                    yield f"{name} is not read; did you mean {meant}, with two underscores after the group?"


def _known(conf: cfg.ConfigOpts, group: str, option: str) -> bool:
    return group in conf._groups and option in conf._groups[group]._opts


def _unknown(conf: cfg.ConfigOpts, entry: ini.Entry) -> str:
    if entry.group not in conf._groups:
        return f"{entry.origin}: there is no option group [{entry.group}]{_nearest(entry.group, conf._groups)}"
    return (
        f"{entry.origin}: [{entry.group}] has no option {entry.option}{_nearest(entry.option, conf._groups[entry.group]._opts)}"
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _override(conf: cfg.ConfigOpts, group: str, option: str, value: Any, place: str, problems: list[str]) -> bool:
    """False where it is wrong: then what it was to override stays in force, and is looked at, too."""
    opt = conf._groups[group]._opts[option]["opt"]
    try:
        conf.set_override(option, value, group=group)
    except (ValueError, TypeError):
        problems.append(_wrong(group, opt, value, place))
        return False
    return True


def _check(
    conf: cfg.ConfigOpts, origins: Mapping[tuple[str, str], str], problems: list[str], login_problems: list[str]
) -> None:
    """Look every value up once, as oslo.config converts a file's values only then; then those that depend on each other."""
    for group in conf._groups.values():
        told = login_problems if group.name == keystone.group.name else problems
        for name, info in group._opts.items():
            place = origins.get((group.name, name), "")
            try:
                value = conf[group.name][name]
                if value is None and info["opt"].required and not conf[group.name].cloud:
                    named = origins.get((group.name, "auth_type"), group.name)
                    told.append(f"{named}: [{group.name}] auth_type = {conf[group.name].auth_type} needs {name}")
                elif value != value or (value is None and info["opt"].default is not None):  # not a number, or left empty
                    told.append(_wrong(group.name, info["opt"], "" if value is None else value, place))
            except (cfg.Error, ValueError) as error:
                if isinstance(error, (cfg.TemplateSubstitutionError, cfg.NoSuchOptError)):
                    told.append(f"{place}: [{group.name}] {name} refers to an unknown option; write $$ for a dollar sign")
                else:
                    told.append(_wrong(group.name, info["opt"], _raw(place), place))

    for group_name, least, most in BOUNDS if not problems else ():
        low, high = conf[group_name][least], conf[group_name][most]
        if low is not None and high is not None and low > high:
            place = origins.get((group_name, least)) or origins[group_name, most]
            problems.append(f"{place}: [{group_name}] {least} = {low} is not allowed with {most} = {high}: it would be more")


def _raw(place: str) -> str:
    file, _, line = place.rpartition(":")
    return next((entry.value for entry in ini.entries([file]) if str(entry.line) == line), "")


def _wrong(group: str, opt: Any, value: Any, place: str) -> str:
    shown = MASK if opt.secret else value
    return f"{place}: [{group}] {opt.dest} = {shown} is not allowed; it takes {allowed(opt.type)}"


def allowed(kind: Any) -> str:
    """The values that an option's type takes, for people."""
    if said := getattr(kind, "allowed", None):
        return str(said)
    if isinstance(kind, (types.List, types.MultiString)):
        return "a list separated by commas"
    if isinstance(kind, types.Boolean):
        return "true or false"
    if isinstance(kind, types.Number):
        name = "a whole number" if isinstance(kind, types.Integer) else "a number"
        if kind.min is not None and kind.max is not None:
            return f"{name} from {kind.min:.15g} to {kind.max:.15g}"
        return f"{name} of at least {kind.min:.15g}" if kind.min is not None else name
    if getattr(kind, "choices", None):
        return "one of " + ", ".join(map(str, kind.choices))
    return "a text"
