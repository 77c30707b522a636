#!/usr/bin/env bash
# Input, version 1: one envelope for every line of a text file. Config: path.
set -eu
IFS= read -r command                  # {"command":"run","config":{"path":"words.txt"}}
[[ $command =~ \"path\":\"([^\"]*)\" ]] && path=${BASH_REMATCH[1]}
[[ -r $path ]] || { echo '{"status":"error","message":"cannot read '"$path"'"}'; exit 1; }
echo '{"status":"ready"}'
while IFS= read -r line; do
  line=$(sed 's/[\\"]/\\&/g' <<<"$line")
  echo '{"data":{"line":"'"$line"'"},"metadata":{"stream":"lines"}}'
done <"$path"
