"""A private SSH server on the loopback interface: the test's own process, with its own keys, for this user only."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from pathlib import Path

from brokers import free_port

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
_NEEDS_AS_ROOT = Path("/run/sshd")  # it refuses to start as root without this empty directory


def missing() -> str | None:
    for program in (SSHD, shutil.which("ssh"), shutil.which("ssh-keygen")):
        if program is None or not Path(program).exists():
            return "needs sshd, ssh and ssh-keygen (openssh-server)"
    return None


class Sshd:
    """`address` is what `[ansible] hosts` takes. `path` is the PATH of the sessions, the system's by default."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700)
        self.key = directory / "client"
        _keygen(self.key)
        shutil.copy(self.key.with_suffix(".pub"), directory / "authorized_keys")
        self.port = free_port()
        self.user = getpass.getuser()
        self.address = f"{self.user}@127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, new_key: bool = False, path: str | None = None) -> None:
        host_key = self.directory / "host"
        if new_key or not host_key.exists():
            host_key.unlink(missing_ok=True)
            _keygen(host_key)
        if self.user == "root":
            _NEEDS_AS_ROOT.mkdir(mode=0o755, exist_ok=True)
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {host_key}",
            f"AuthorizedKeysFile {self.directory / 'authorized_keys'}",
            f"PidFile {self.directory / 'pid'}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
            "Subsystem sftp internal-sftp",
        ]
        lines += [f"SetEnv TMPDIR={self.directory.parent / 'tmp'}" + (f" PATH={path}" if path else "")]
        config = self.directory / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"sshd did not start: {(self.directory / 'log').read_text()}")

    def locked(self) -> bool:
        """Without PAM, which only root can use, sshd lets nobody into an account whose password is locked (`useradd`)."""
        options = ["-i", str(self.key), "-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]
        command = ["ssh", "-F", "none", *options, "-p", str(self.port), f"{self.user}@127.0.0.1", "true"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        return "because account is locked" in (self.directory / "log").read_text()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


def _keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
