#!/usr/bin/env bash
# Input, version 2: one envelope for every line of a text file, with checkpoints. Config: path.
set -eu
if [[ ${1-} == describe ]]; then
  echo '{"name":"in-lines","version":"1.0.0","protocol":[2],"roles":["input"],
    "delivery":{"replayable":true},
    "config":{"type":"object","additionalProperties":false,"required":["path"],
      "properties":{"path":{"type":"string","description":"the text file"}}}}'
  exit
fi
IFS= read -r command
[[ $command =~ \"path\":\"([^\"]*)\" ]] && path=${BASH_REMATCH[1]}
[[ $command =~ \"checkpoint\":\{\"\":\{\"line\":([0-9]+) ]] && seen=${BASH_REMATCH[1]} || seen=0
[[ -r $path ]] || {
  echo '{"status":"error","kind":"config","path":"path","message":"cannot read '"$path"'"}'
  exit 1
}
echo '{"status":"ready","protocol":2}'

id=0 stop=
trap 'stop=1' TERM
checkpoint() { echo '{"@checkpoint":{"id":'$((++id))',"state":{"":{"line":'$seen'}}}}'; }
hear() { # takes in what the host has said so far
  while read -r -t 0; do
    IFS= read -r word && [[ $word != '{"@stop":'* ]] || { stop=1; return; }
  done
}
while [[ -z $stop ]] && IFS= read -r line <&3; do
  line=${line//\\/\\\\} line=${line//\"/\\\"}
  echo '{"data":{"line":"'"$line"'"},"metadata":{"stream":"lines","op":"read"}}'
  ((++seen % 100)) || { checkpoint; hear; }
done 3< <(tail -n +$((seen + 1)) "$path")

checkpoint
echo '{"@end":{}}'
while IFS= read -r word && [[ $word != '{"@committed":{"id":'$id'}}' ]]; do :; done
