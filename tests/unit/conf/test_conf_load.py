"""Where values come from, which wins, and what is said about wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bbq.conf import load
from bbq.errors import ConfigurationError

Write = Callable[..., str]


def empty(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), **more}


def test_defaults(tmp_path: Path) -> None:
    config = load(environment=empty(tmp_path))
    assert config.engine.parallel == 32
    assert config.engine.on_error == "stop"
    assert config.warnings == ()
    assert {setting.origin for setting in config.settings()} == {"default"}


def test_later_wins(tmp_path: Path, write: Write) -> None:
    first = write("[engine]\nparallel = 1\nretries = 1\non_error = continue\n", "first.conf")
    second = write("[engine]\nretries = 2\n\non_error = rollback\n", "second.conf")
    environment = empty(tmp_path, BBQ_ENGINE__ON_ERROR="stop", BBQ_ENGINE__TIMEOUT="60")
    config = load([first, second], environment=environment, flags={("engine", "timeout"): "90"})
    assert (config.engine.parallel, config.engine.retries, config.engine.on_error, config.engine.timeout) == (
        1,
        2,
        "stop",
        90.0,
    )
    origins = {setting.name: setting.origin for setting in config.settings() if setting.group == "engine"}
    assert origins["parallel"] == f"{first}:2"
    assert origins["retries"] == f"{second}:2"
    assert origins["on_error"] == "BBQ_ENGINE__ON_ERROR"
    assert origins["timeout"] == "flag"
    assert origins["create_timeout"] == "default"


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "HOME"])
def test_the_users_file(tmp_path: Path, write: Write, variable: str) -> None:
    folder = "bbq" if variable == "XDG_CONFIG_HOME" else ".config/bbq"
    write("[engine]\nparallel = 5\n", f"place/{folder}/bbq.conf")
    config = load(environment={"HOME": str(tmp_path), variable: str(tmp_path / "place")})
    assert config.engine.parallel == 5


def test_the_order_of_all_places(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place sets one option less than the one before it; each option has the value of the last place that sets it."""
    names = ["parallel", "retries", "timeout", "create_timeout", "ready_timeout"]
    text = ["[engine]\n" + "".join(f"{name} = {rank or 9}\n" for name in names[rank:]) for rank in range(3)]
    user, given = write(text[1], ".config/bbq/bbq.conf"), write(text[2], "given.conf")
    environment = {"HOME": str(tmp_path), **{f"BBQ_ENGINE__{name.upper()}": "3" for name in names[3:]}}
    monkeypatch.setattr("bbq.conf.ini.SYSTEM_FILE", system := write(text[0], "etc/bbq/bbq.conf"))
    flags = {("engine", "ready_timeout"): "4"}

    def origins(files: list[str]) -> dict[str, tuple[object, str]]:
        settings = load(files, environment=environment, flags=flags).settings()
        return {s.name: (s.value, s.origin.rpartition(":")[0] or s.origin) for s in settings if s.name in names}

    later = {"create_timeout": (3.0, "BBQ_ENGINE__CREATE_TIMEOUT"), "ready_timeout": (4.0, "flag")}
    assert origins([]) == {"parallel": (9, system), "retries": (1, user), "timeout": (1.0, user), **later}
    assert origins([given]) == {"parallel": (32, "default"), "retries": (8, "default"), "timeout": (2.0, given), **later}


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    config = load(environment=empty(tmp_path, BBQ_ENGINE__PARALLEL="", BBQ_LOCAL__JAVA_HOME="", BBQ_ENGINE__X=""))
    assert config.engine.parallel == 32 and config.local.java_home is None and config.warnings == ()


def test_files_that_are_given_replace_the_users(tmp_path: Path, write: Write) -> None:
    write("[engine]\nparallel = 5\n", ".config/bbq/bbq.conf")
    given = write("[engine]\nretries = 1\n", "given.conf")
    assert load([given], environment={"HOME": str(tmp_path)}).engine.parallel == 32


@pytest.mark.parametrize(
    ("text", "option", "allowed"),
    [
        ("[engine]\nparallel = 0\n", "[engine] parallel = 0", "a whole number from 1 to 1000"),
        ("[engine]\n\nparallel = many\n", "[engine] parallel = many", "a whole number from 1 to 1000"),
        ("[engine]\non_error = explode\n", "[engine] on_error = explode", "one of stop, continue, rollback"),
        ("[simulator]\nthrottle = 1.5\n", "[simulator] throttle = 1.5", "a number from 0 to 1"),
        ("[engine]\ntimeout = nan\n", "[engine] timeout = nan", "a number from 0.1 to 604800"),
        ("[engine]\nparallel =\n", "[engine] parallel = ", "a whole number from 1 to 1000"),
        ("[state]\ndirectory = here\n", "[state] directory = here", "an absolute path, or one that starts with ~"),
        ("[local]\njava_home = java\n", "[local] java_home = java", "an absolute path, or one that starts with ~"),
    ],
)
def test_a_wrong_value_names_option_line_and_range(tmp_path: Path, write: Write, text: str, option: str, allowed: str) -> None:
    file = write(text)
    with pytest.raises(ConfigurationError) as caught:
        load([file], environment=empty(tmp_path))
    line = text.count("\n")
    assert str(caught.value) == f"{file}:{line}: {option} is not allowed; it takes {allowed}"
    assert caught.value.exit_code == 5


def test_all_wrong_values_at_once(tmp_path: Path, write: Write) -> None:
    file = write("[engine]\nparallel = 0\nretries = -1\n")
    with pytest.raises(ConfigurationError) as caught:
        load([file], environment=empty(tmp_path, BBQ_ENGINE__ON_ERROR="no"), flags={("engine", "timeout"): "soon"})
    for part in (f"{file}:2: [engine] parallel", f"{file}:3: [engine] retries", "BBQ_ENGINE__ON_ERROR", "the command line"):
        assert part in str(caught.value)


def test_a_wrong_value_over_a_wrong_value(tmp_path: Path, write: Write) -> None:
    file = write("[engine]\nparallel = 0\n")
    with pytest.raises(ConfigurationError) as caught:
        load([file], environment=empty(tmp_path, BBQ_ENGINE__PARALLEL="x"), flags={("engine", "parallel"): "y"})
    for part in (f"{file}:2: [engine] parallel = 0", "BBQ_ENGINE__PARALLEL: [engine] parallel = x", "parallel = y"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("group", "least", "most"), [("autoscale", "min", "max"), ("simulator", "latency_min", "latency_max")])
def test_bounds_that_contradict_each_other(tmp_path: Path, write: Write, group: str, least: str, most: str) -> None:
    file = write(f"[{group}]\n{most} = 2\n")
    with pytest.raises(ConfigurationError) as caught:
        load([file], environment=empty(tmp_path, **{f"BBQ_{group}__{least}".upper(): "3"}))
    assert str(caught.value).startswith(f"BBQ_{group.upper()}__{least.upper()}: [{group}] {least} = 3")
    load([file], environment=empty(tmp_path, **{f"BBQ_{group}__{least}".upper(): "2"}))


def test_unknown_names_are_told_with_wrong_values(tmp_path: Path, write: Write) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load([write("[engine]\nretrys = 1\nparallel = 0\n")], environment=empty(tmp_path))
    assert "did you mean retries?" in str(caught.value) and "parallel = 0" in str(caught.value)
    assert Path((caught.value.hint or "").split()[-1]).is_file()


@pytest.mark.parametrize("address", ["sqlite:///var/j.db", "postgresql://u:p@h/d", "postgres://h/d", "/var/j.db", "~/j.db"])
def test_addresses_of_a_journal(tmp_path: Path, address: str) -> None:
    config = load(environment=empty(tmp_path, BBQ_JOURNAL__CONNECTION=address))
    assert config.journal.connection == (address if address[0] != "~" else str(Path(address).expanduser()))


@pytest.mark.parametrize("address", ["j.db", "sqlite://j.db", "mysql://u:hunter2@h/d", "postgresql:hunter2"])
def test_what_is_no_address_of_a_journal(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"BBQ_JOURNAL__CONNECTION: .*\*{8} is not allowed; it takes sqlite") as caught:
        load(environment=empty(tmp_path, BBQ_JOURNAL__CONNECTION=address))
    assert "hunter2" not in str(caught.value)


def test_the_state_directory_in_force_is_shown(tmp_path: Path) -> None:
    shown = {s.name: s for s in load(environment=empty(tmp_path)).settings() if s.group == "state"}
    assert (shown["directory"].value, shown["directory"].origin) == (str(tmp_path / "home/.local/state/bbq"), "default")


def test_a_wrong_secret_is_not_shown(tmp_path: Path, write: Write) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load([write("[journal]\nconnection = postgresql://u:hunter2@$host/x\n")], environment=empty(tmp_path))
    assert "hunter2" not in str(caught.value)
    assert "$$" in str(caught.value)


def test_one_underscore_instead_of_two_is_a_warning(tmp_path: Path) -> None:
    variables = {"BBQ_ENGINE_PARALLEL": "7", "BBQ_JOURNAL_CONNECTION": "", "BBQ_STATE_DIR": "/x", "BBQ_NODE": "engine"}
    config = load([], environment=empty(tmp_path, **variables))
    assert config.engine.parallel == 32
    assert config.warnings == (
        "BBQ_ENGINE_PARALLEL is not read; did you mean BBQ_ENGINE__PARALLEL, with two underscores after the group?",
    )


def test_unknown_names_are_warnings_with_the_nearest(tmp_path: Path, write: Write) -> None:
    file = write("[engine]\nparalel = 4\n[engin]\nretries = 1\n[engine]\nretries = 3\n")
    config = load([file], environment=empty(tmp_path, BBQ_ENGINE__RETRYS="2", BBQ_INSTANCE="1"))
    assert config.engine.retries == 3
    assert config.warnings == (
        f"{file}:2: [engine] has no option paralel; did you mean parallel?",
        f"{file}:4: there is no option group [engin]; did you mean engine?",
        "BBQ_ENGINE__RETRYS: [engine] has no option retrys; did you mean retries?",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parallel = 4\n", ":1: parallel stands before any section"),
        ("[engine]\nparallel\n", ":2: this is not an option"),
        ("[engine\n", ":1: this is not a section header"),
        ("[engine]\n\n  parallel = 4\n", ":3: an indented line without an option above it"),
    ],
)
def test_a_damaged_file(tmp_path: Path, write: Write, text: str, said: str) -> None:
    file = write(text)
    with pytest.raises(ConfigurationError) as caught:
        load([file], environment=empty(tmp_path))
    assert str(caught.value).startswith(file + said)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no configuration file"):
        load([str(tmp_path / "missing.conf")], environment=empty(tmp_path))
    binary = tmp_path / "binary.conf"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load([str(binary)], environment=empty(tmp_path))


def test_secrets_are_masked(tmp_path: Path, write: Write) -> None:
    config = load([write("[journal]\nconnection = postgresql://u:hunter2@h/x\n")], environment=empty(tmp_path))
    assert config.journal.connection == "postgresql://u:hunter2@h/x"
    assert "hunter2" not in repr(config.settings())


def test_import_map_may_be_repeated(tmp_path: Path, write: Write) -> None:
    file = write("[tosca]\nimport_map = https://a/=/x\nimport_map = https://b/=/y\n")
    assert load([file], environment=empty(tmp_path)).tosca.import_map == ["https://a/=/x", "https://b/=/y"]
    environment = empty(tmp_path, BBQ_TOSCA__IMPORT_MAP="https://c/=/z,https://d/=/w")
    assert load([file], environment=environment).tosca.import_map == ["https://c/=/z", "https://d/=/w"]


def test_keystone_takes_keystoneauths_options(tmp_path: Path, write: Write) -> None:
    from keystoneauth1 import loading

    text = "[keystone]\nauth_type = password\nauth_url = https://k/v3\nusername = u\npassword = hunter2\nproject_name = p\n"
    config = load([write(text)], environment=empty(tmp_path))
    assert config.warnings == ()
    assert "hunter2" not in repr(config.settings())
    plugin = loading.load_auth_from_conf_options(config.oslo, "keystone")
    assert plugin.auth_url == "https://k/v3"


def test_keystone_is_not_imported_unless_used(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, bbq.conf; bbq.conf.load(environment={'HOME': '/nonexistent'}); sys.exit('keystoneauth1' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_an_unknown_login_plugin(tmp_path: Path, write: Write) -> None:
    file = write("[keystone]\nauth_type = pasword\nauth_url = https://k/v3\n")
    config = load([file], environment=empty(tmp_path))
    assert config.warnings == (), "whose options these are, nobody knows"
    with pytest.raises(ConfigurationError, match=f"{file}:2: .*auth_type = pasword is not allowed; it takes one of .*password"):
        config.oslo  # noqa: B018


def test_a_login_that_is_not_complete_is_told_to_those_who_log_in(tmp_path: Path, write: Write) -> None:
    file = write("[keystone]\nauth_type = password\nusername = u\npassword = hunter2\ntimeout = soon\n")
    config = load([file], environment=empty(tmp_path))
    assert (config.warnings, config.engine.parallel) == ((), 32)
    told = {f"{file}:2: [keystone] auth_type = password needs auth_url"}
    assert {problem.partition(" is not allowed")[0] for problem in config.login_problems} == told | {
        f"{file}:5: [keystone] timeout = soon"
    }
    with pytest.raises(ConfigurationError, match="needs auth_url") as caught:
        config.oslo  # noqa: B018
    assert "clouds.yaml" in (caught.value.hint or "")
    assert {s.value for s in config.settings() if (s.group, s.name) == ("keystone", "timeout")} == {"soon"}
    assert "hunter2" not in repr(config.settings()) + str(caught.value)


def test_a_cloud_by_name_needs_no_more(tmp_path: Path, write: Write) -> None:
    file = write("[keystone]\ncloud = lab\nauth_type = password\n")
    assert load([file], environment=empty(tmp_path)).login_problems == ()


def test_loads_do_not_leak_into_each_other(tmp_path: Path, write: Write) -> None:
    load([write("[keystone]\nauth_type = password\nauth_url = https://k/v3\n")], environment=empty(tmp_path))
    names = {setting.name for setting in load(environment=empty(tmp_path)).settings() if setting.group == "keystone"}
    assert names == {"cloud"}
