#!/bin/sh
# Have products fetched and their changes published: enqueue.sh SHOP ID...
# Needs gzip and redis-cli (REDIS_CLI names another, as valkey-cli). Passwords: better in REDISCLI_AUTH than in the URL.
set -eu
cli() { "${REDIS_CLI:-redis-cli}" -u "${SHOPSTREAM_REDIS_URL:-redis://127.0.0.1:6379/0}" --raw "$@"; }
fail() { echo "$2" >&2; exit "$1"; }

[ $# -ge 2 ] || fail 2 "usage: $0 SHOP ID..."
for id; do
  case $id in *[!0-9]* | "" | ??????????????????????*) fail 2 "'$id' is not an id: TikTok's are 1 to 21 digits" ;; esac
done
shop=$1
shift

# The shop's partition: crc32(shop) mod partitions. gzip ends with the crc32, lowest byte first.
crc32=$(printf %s "$shop" | gzip -c | tail -c 8 | od -An -N4 -tu1 |
  awk '{ printf "%.0f", $1 + 256 * ($2 + 256 * ($3 + 256 * $4)) }')
partitions=$(cli GET shopstream:partitions)
number=$((crc32 % ${partitions:-1}))
partition="shopstream:{$number}"
[ "$(cli HEXISTS "$partition:registry" "$shop")" = 1 ] || fail 1 "shop $shop is not authorized"

replies=$({
  for id; do echo "ZADD $partition:backlog:products:$shop LT 1 $id"; done # score 0 instead of 1: urgent
  # After the ids, so that whoever looks finds them.
  echo "ZADD $partition:due LT 0 products:$shop"
} | cli)
case $replies in *[!01[:space:]]*) fail 1 "$replies" ;; esac
cli ZADD "shopstream:{0}:wake" 0 "$number" >/dev/null || true # a worker looks at once; else within half a second
echo "asked for $# products"
