// Print the events of a stream, as one of a group that shares them: node consume.js [STREAM] [GROUP]
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const [stream = "stock", group = "node"] = process.argv.slice(2);
const me = `${hostname()}-${process.pid}`;
const ABANDONED_MS = 60_000; // unacknowledged for so long, an event is taken over from its consumer
const KEPT_SECONDS = 7 * 86_400; // as long as events are kept

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => (stopping = true));

// ioredis reconnects by itself. 0 retries: a command that was cut off fails at once, and the session begins anew.
const redis = new Redis(process.env.SHOPSTREAM_REDIS_URL ?? "redis://127.0.0.1:6379/0", { maxRetriesPerRequest: 0 });
redis.on("error", (error) => console.error(`redis: ${error.message || error.code}`));

while (!stopping) {
  await session().catch((error) => {
    console.error(`trying again in a second: ${error.message}`);
    return sleep(1000);
  });
}
redis.disconnect();

async function session() {
  const partitions = Number((await redis.get("shopstream:partitions")) ?? 1);
  const keys = Array.from({ length: partitions }, (_, number) => `shopstream:{${number}}:${stream}`);
  for (const key of keys) {
    await redis.xgroup("CREATE", key, group, "0", "MKSTREAM").catch((error) => {
      if (!error.message.startsWith("BUSYGROUP")) throw error; // it is there already
    });
  }
  let [from, looked] = ["0", 0]; // "0": what is in this consumer's hand, not acknowledged; ">": what is new
  while (!stopping) {
    if (Date.now() - looked > ABANDONED_MS / 4) {
      for (const key of keys) await redis.xautoclaim(key, group, me, ABANDONED_MS, "0-0", "COUNT", 100, "JUSTID");
      [from, looked] = ["0", Date.now()];
    }
    const ids = keys.map(() => from);
    const read = await redis.xreadgroup("GROUP", group, me, "COUNT", 10, "BLOCK", 1000, "STREAMS", ...keys, ...ids);
    const entries = (read ?? []).flatMap(([key, found]) => found.map(([id, fields]) => [key, id, fields]));
    if (entries.length === 0) from = ">";
    for (const [key, id, fields] of entries) {
      if (fields) await once(id, fields); // null: trimmed while it was in hand
      await redis.xack(key, group, id);
    }
  }
}

// Delivery is at least once: what has been handled is remembered by its `id`.
async function once(entry, fields) {
  const event = {};
  for (let at = 0; at < fields.length; at += 2) event[fields[at]] = fields[at + 1];
  const data = parsed(event.data);
  if (!event.id || !data) return console.error(`passed over: ${entry} is not an event of shopstream`);
  if (await redis.exists(`${group}:handled:${event.id}`)) return;
  handle(event, data);
  await redis.set(`${group}:handled:${event.id}`, 1, "EX", KEPT_SECONDS);
}

function parsed(json) {
  try { return JSON.parse(json); } catch { return null; }
}

// Your work. Ids in `data` are strings, and must stay so: they are above 2^53.
function handle(event, data) {
  const inShop = data.in_shop == null ? [] : ["in shop", data.in_shop]; // the rest is set aside for campaigns and creators
  console.log(event.type, event.subject, `#${event.seq}`, data.previous_available ?? "-", "→", data.available ?? "-", ...inShop);
}
