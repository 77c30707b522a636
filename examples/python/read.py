#!/usr/bin/env python3
"""Input, version 1: the files of a folder, one envelope each. Config: folder."""
import json
import os
import sys

config = json.loads(sys.stdin.readline())["config"]
try:
    entries = sorted(os.scandir(config["folder"]), key=lambda entry: entry.name)
except OSError as error:
    print(json.dumps({"status": "error", "message": str(error)}), flush=True)
    sys.exit(1)
print(json.dumps({"status": "ready"}), flush=True)
for entry in entries:
    data = {"name": entry.name, "bytes": entry.stat().st_size}
    print(json.dumps({"data": data, "metadata": {"stream": "files", "op": "read"}}))
