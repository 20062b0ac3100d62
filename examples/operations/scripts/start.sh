#!/bin/sh
# What goes on running must let go of the script's output, or the operation would wait for it. It is started when it answers.
set -eu
cd "$place"
nohup python3 -m http.server "$port" >"$place/log" 2>&1 </dev/null &
echo $! >"$place/pid"
for _ in $(seq 100); do
  if python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then
    exit 0
  fi
  sleep 0.1
done
cat "$place/log" >&2
exit 1
