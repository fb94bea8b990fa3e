#!/bin/sh
# Builds scripts/python-skill.wasm. Needs componentize-py: pip install -r requirements.txt
set -eu
cd "$(dirname "$0")"
exec componentize-py --wit-path ../../wit --world skill-pure componentize --python-path src app --output scripts/python-skill.wasm
