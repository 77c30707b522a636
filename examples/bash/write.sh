#!/usr/bin/env bash
# Output, version 1: appends every envelope to a file, as it came. Config: path.
set -eu
IFS= read -r command                  # {"command":"run","config":{"path":"out/words.jsonl"}}
[[ $command =~ \"command\":\"run\" ]] || { echo '{"status":"ok","resources":[]}'; exit 0; }
[[ $command =~ \"path\":\"([^\"]*)\" ]] && path=${BASH_REMATCH[1]}
mkdir -p "$(dirname "$path")"
echo '{"status":"ready"}'
cat >>"$path"
echo "$path has $(wc -l <"$path") lines"     # shown to the user
