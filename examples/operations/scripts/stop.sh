#!/bin/sh
# It is stopped when it is gone: what is started next may want the same port.
if pid=$(cat "$place/pid" 2>/dev/null) && kill "$pid" 2>/dev/null; then
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
fi
rm -f "$place/pid"
