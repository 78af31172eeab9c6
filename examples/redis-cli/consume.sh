#!/bin/sh
# Print the events of a stream, `ID DATA` a line, as one of a group that shares them: consume.sh STREAM GROUP
# Needs redis-cli (REDIS_CLI names another, as valkey-cli). Passwords: better in REDISCLI_AUTH than in the URL.
set -u
cli() { "${REDIS_CLI:-redis-cli}" -u "${SHOPSTREAM_REDIS_URL:-redis://127.0.0.1:6379/0}" --raw "$@"; }
[ $# -eq 2 ] || { echo "usage: $0 STREAM GROUP" >&2; exit 2; }
stream=$1 group=$2 me=$(uname -n)-$$ stop=''

handle() { printf '%s %s\n' "$1" "$2"; } # your work

# Field $1 of the entry in $reply, which is the stream's key, the entry's id, then name and value by turns, a line each.
field() { printf '%s\n' "$reply" | awk -v name="$1" 'there { print; exit } NR > 2 && NR % 2 { there = $0 == name }'; }

once() {
  id=$(field id) data=$(field data)
  [ "$id" ] && [ "$data" ] || { echo "passed over: $entry is not an event of shopstream" >&2; return 0; }
  case $(cli EXISTS "$group:handled:$id") in # delivery is at least once
    0) handle "$id" "$data" && [ "$(cli SET "$group:handled:$id" 1 EX 604800)" = OK ] ;;
    1) ;;
    *) return 1 ;; # no answer, so it isn't acknowledged, and read again
  esac
}

consume() {
  trap 'stop=1' TERM
  from=0 # what is in this consumer's hand, not acknowledged; ">": what is new
  cli XGROUP CREATE "$1" "$group" 0 MKSTREAM >/dev/null # it may be there already
  while [ ! "$stop" ]; do
    reply=$(cli XREADGROUP GROUP "$group" "$me" COUNT 1 BLOCK 1000 STREAMS "$1" "$from") ||
      { from=0; sleep 1; continue; }
    entry=$(printf '%s\n' "$reply" | sed -n 2p)
    case "$(printf '%s\n' "$reply" | sed -n 1p) $entry" in
      "$1 "[0-9]*) once && cli XACK "$1" "$group" "$entry" >/dev/null || sleep 1 ;;
      "$1 ") from='>' ;;
      " ") cli XAUTOCLAIM "$1" "$group" "$me" 60000 0-0 COUNT 100 JUSTID >/dev/null; from=0 ;; # left for a minute
      *) echo "$reply" >&2; sleep 1; cli XGROUP CREATE "$1" "$group" 0 MKSTREAM >/dev/null; from=0 ;;
    esac
  done
}

partitions=$(cli GET shopstream:partitions) || exit 1
children=''
for number in $(seq 0 $((${partitions:-1} - 1))); do
  consume "shopstream:{$number}:$stream" &
  children="$children $!"
done
trap 'kill $children' TERM INT
wait
wait # a signal ends the first one; this one waits for the children
