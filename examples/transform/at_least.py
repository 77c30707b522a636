#!/usr/bin/env python3
"""Transform, version 2: keeps envelopes whose column is at least a value. Config: column, minimum."""
import json
import sys

CONFIG = {
    "type": "object",
    "properties": {"column": {"type": "string"}, "minimum": {"type": "number"}},
    "required": ["column", "minimum"],
    "additionalProperties": False,
}
DESCRIPTION = {
    "name": "transform-at-least",
    "version": "1.0.0",
    "protocol": [2],
    "roles": ["transform"],
    "config": CONFIG,
}


def say(message):
    print(json.dumps(message))


def run(config):
    say({"status": "ready", "protocol": 2})
    sys.stdout.flush()
    taken = passed = 0
    for line in sys.stdin:
        if line.startswith('{"@checkpoint":'):
            message = json.loads(line)
            account = {"in": taken, "out": passed, "filtered": taken - passed}
            message["@checkpoint"]["account"] = account
            say(message)
            sys.stdout.flush()
            taken = passed = 0
        elif line.startswith(('{"@schema":', '{"@end":')):
            sys.stdout.write(line)
        elif line.strip() and not line.startswith('{"@'):
            taken += 1
            if float(json.loads(line)["data"][config["column"]] or 0) >= config["minimum"]:
                passed += 1
                sys.stdout.write(line)


if sys.argv[1:] == ["describe"]:
    say(DESCRIPTION)
else:
    run(json.loads(sys.stdin.readline())["config"])
