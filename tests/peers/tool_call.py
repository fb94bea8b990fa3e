"""The jobs of `cargo xtask bench wasm` as a script: a name as its argument, JSON on standard input, an answer on
standard output. It imports nothing beside the standard library, so what is measured is Python itself."""

import json
import sys

UNITS = {
    "metre": ("length", 1),
    "kilometre": ("length", 1000),
    "mile": ("length", 1609.344),
}


def small(first, second):
    for eyes in (first, second):
        if not isinstance(eyes, int) or not 1 <= eyes <= 6:
            raise ValueError(f"no die shows {eyes}")
    if first == second:
        return "neither"
    return "the first" if first > second else "the second"


def summarize(orders):
    sums = {}
    for order in orders:
        total = sums.setdefault(order["customer"], {"orders": 0, "cents": 0, "items": {}})
        total["orders"] += 1
        for item in order["items"]:
            total["cents"] += item["count"] * item["price"]
            items = total["items"]
            items[item["name"]] = items.get(item["name"], 0) + item["count"]
    return json.dumps(sums, separators=(",", ":"))


def convert(value, **units):
    (source, factor), (target, divisor) = UNITS[units["from"]], UNITS[units["to"]]
    if source != target:
        raise ValueError(f"{units['from']} is a {source}")
    return f"{value} {units['from']} = {value * factor / divisor:.6g} {units['to']}"


JOBS = {"small": small, "json": summarize, "js": convert}

sys.stdout.write(JOBS[sys.argv[1]](**json.load(sys.stdin)))
