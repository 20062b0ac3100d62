#!/bin/sh
# The main job: a Spark pipeline from one template, ten thousand records through it, and away again.
set -eu
cd "$(dirname "$0")/../.."
name="packets-demo-$$"
say() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
cleanup() {
    code=$?
    trap - EXIT INT TERM
    say "Take everything away"
    run bbq-deploy destroy "$name" --yes || code=$?
    exit "$code"
}

say "What would be made"
run bbq-deploy plan examples/packets/service.yaml --provider local --name "$name"

trap cleanup EXIT
trap 'exit 130' INT TERM
say "Make it: queue, database, Spark, the streaming job, the viewer"
run bbq-deploy up examples/packets/service.yaml --provider local --name "$name" --ttl 2h --yes
run bbq-deploy status "$name"
run bbq-deploy outputs "$name"

say "Ten thousand records through the queue; wait until the viewer has counted them"
run python examples/packets/send.py --name "$name" --count "${BBQ_DEMO_RECORDS:-10000}" --wait
