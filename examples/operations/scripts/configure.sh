#!/bin/sh
# Inputs are variables; what was named as a dependency lies beside the script.
set -eu
cp words.txt "$place/words.txt"
echo "url=http://$address:$port/"
