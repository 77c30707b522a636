#!/usr/bin/env python3
"""Output, version 2: appends the data of every envelope to a file. Config: path.

After a crash the file is cut back to the last checkpoint, so nothing in it is lost or doubled."""
import json
import os
import sys

DESCRIPTION = {
    "name": "out-lines",
    "version": "1.0.0",
    "protocol": [2],
    "roles": ["output"],
    "delivery": {"append_only": True},
    "config": {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "the file"}},
        "required": ["path"],
        "additionalProperties": False,
    },
}


def say(message):
    print(json.dumps(message), flush=True)


def run(command):
    path = command["config"]["path"]
    offset = (command.get("state") or {}).get("offset", 0)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "r+b" if os.path.exists(path) else "w+b") as file:
        file.truncate(offset)
        file.seek(offset)
        say({"status": "ready", "protocol": 2})
        written = 0
        for line in sys.stdin.buffer:
            if line.startswith(b'{"@checkpoint":'):
                file.flush()
                os.fsync(file.fileno())
                mark = {"id": json.loads(line)["@checkpoint"]["id"], "written": written}
                say({"@committed": mark | {"state": {"offset": file.tell()}}})
                written = 0
            elif line.strip() and not line.startswith(b'{"@'):
                file.write(json.dumps(json.loads(line)["data"]).encode() + b"\n")
                written += 1


if sys.argv[1:] == ["describe"]:
    say(DESCRIPTION)
else:
    run(json.loads(sys.stdin.buffer.readline()))
