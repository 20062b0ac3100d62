"""`keep.py start|stop|pid|wait|stays DIRECTORY`: starts, stops or tells of the program that the supervisor here keeps.
`wait` ends when its (first) run does, and as that did; `stays` when it has run for some seconds. Both tell the end of what it
has printed where it failed.

Standard library only. Both can be repeated: what runs as `wanted.json` says is left alone, what is another now is restarted.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import proc  # noqa: E402 - found by the line above
from records import read_json, write_json  # noqa: E402


def process(place, name):
    found = read_json(f"{place}/{name}")
    return proc.same(found.get("pid", 0), found.get("start_time", 0), found.get("boot_id", ""))


def stop(place):
    shim = process(place, "lock")
    if shim is None:
        return
    grace = read_json(f"{place}/spec.json").get("stop", {}).get("grace", 20.0)
    proc.send(shim, signal.SIGTERM)
    for left in proc.gone([shim], grace + 5.0):
        for one in [*proc.descendants(left.pid), left]:
            proc.send(one, signal.SIGKILL)


def start(place):
    wanted = read_json(f"{place}/wanted.json")
    once = wanted["retries"] >= 0
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.path.expanduser("~"),
        **{name: str(value) for name, value in wanted["environment"].items()},
        "BBQ_UNIT": place,  # what an earlier supervisor of this place has left behind is found by it
    }
    program, *words = map(str, wanted["argv"])
    spec = {
        "argv": [program if "/" in program else shutil.which(program, path=environment["PATH"]) or program, *words],
        "env": environment,
        "cwd": wanted["directory"] or place,
        "user": None,
        "restart": {
            "policy": wanted["restart"],
            "limit": wanted["retries"] if once else None,
            "backoff": 1.0,
            "cap": 30.0,
            "reset_after": 1e9 if once else 60.0,
        },
        "schedule": wanted["schedule"] or None,
        "concurrency": wanted["concurrency"],
        "run_at_start": wanted["run_at_start"],
        "start_at": None,
        "stop": {"signal": int(signal.SIGTERM), "grace": float(wanted["grace"])},
        "log": {"size": 10000000, "count": 3},
        "mask": [],
    }
    if read_json(f"{place}/spec.json") == spec:
        if process(place, "lock") and (spec["schedule"] or process(place, "process.json")):
            return
        if (
            once
            and read_json(f"{place}/process.json").get("phase") == "exited"
            and read_json(f"{place}/exit.json").get("code") == 0
        ):
            return  # it has done what it had to
    stop(place)
    for name in ("process.json", "exit.json"):
        if os.path.exists(f"{place}/{name}"):
            os.unlink(f"{place}/{name}")
    write_json(f"{place}/spec.json", spec)
    with open(f"{place}/shim.log", "ab") as log:
        done = subprocess.run(
            [sys.executable, "-I", "-S", f"{HERE}/shim.py", place],
            env={"BBQ_UNIT": place},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    if done.returncode:
        sys.exit(f"the supervisor ended with code {done.returncode}: see {place}/shim.log")
    print("started")


def wait(place):
    while True:
        supervised = process(place, "lock")
        phase, end = read_json(f"{place}/process.json").get("phase"), read_json(f"{place}/exit.json")
        if phase == "exited" or (read_json(f"{place}/spec.json").get("schedule") and end.get("run")):
            if end.get("code") == 0:
                return
            fail(
                place,
                f"it exited with code {end['code']}" if end.get("code") else f"it was ended by signal {end.get('signal')}",
            )
        if not supervised:
            fail(place, "its supervisor was ended")
        time.sleep(0.2)


def stays(place, seconds=2.0, patience=60.0):
    end, since, known = time.monotonic() + patience, time.monotonic(), None
    while time.monotonic() < end:
        found = process(place, "process.json")
        if found is None or found != known:
            known, since = found, time.monotonic()
        elif time.monotonic() - since >= seconds:
            return
        time.sleep(0.1)
    fail(place, f"it does not stay for {seconds:g} s")


def fail(place, why):
    try:
        with open(f"{place}/log", "rb") as file:
            said = file.read()[-4000:].decode(errors="replace").strip()
    except OSError:
        said = ""
    print(said)
    last = said.rpartition("\n")[2]
    sys.exit(f"{why}: {last}" if last else why)


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start(sys.argv[2])
    elif sys.argv[1] == "stop":
        stop(sys.argv[2])
    elif sys.argv[1] == "wait":
        wait(sys.argv[2])
    elif sys.argv[1] == "stays":
        stays(sys.argv[2])
    else:
        found = process(sys.argv[2], "process.json")
        print(found.pid if found else 0)
