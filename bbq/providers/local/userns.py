"""Run a program that refuses root, as root: `python -I -S userns.py program arguments...`.

In a user namespace of its own the program is `nobody`, and our root outside: its files stay ours, and it may read what we may
read (a virtual environment in a private home). It has no capability in either place. Standard library only.

user_namespaces(7)
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

_CLONE_NEWUSER = 0x10000000


def enter() -> None:
    """Become `nobody` in a new user namespace; `OSError` where the kernel or its configuration refuses."""
    outside_user, outside_group = os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{nobody.pw_uid} {outside_user} 1"),
        ("gid_map", f"{nobody.pw_gid} {outside_group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
            file.write(line)


if __name__ == "__main__":
    try:
        enter()
        os.execv(sys.argv[1], sys.argv[1:])
    except (OSError, KeyError) as error:
        sys.exit(f"no user namespace: {error}")
