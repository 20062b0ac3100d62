#!/bin/sh
kill "$(cat "$place/pid")" 2>/dev/null || true
rm -f "$place/pid"
