#!/bin/sh
# What goes on running must let go of the script's output, or the operation would wait for it.
set -eu
cd "$place"
nohup python3 -m http.server "$port" >"$place/log" 2>&1 </dev/null &
echo $! >"$place/pid"
