// Have products fetched and their changes published: node enqueue.js SHOP ID...
import { crc32 } from "node:zlib";
import { Redis } from "ioredis";

const [shop, ...ids] = process.argv.slice(2);
// Ids are strings everywhere: they are above 2^53, where JavaScript's numbers lose digits.
if (ids.length === 0 || ![shop, ...ids].every((id) => /^[0-9]{1,21}$/.test(id))) {
  console.error("usage: node enqueue.js SHOP ID...   (TikTok's ids are 1 to 21 digits)");
  process.exit(2);
}

const redis = new Redis(process.env.SHOPSTREAM_REDIS_URL ?? "redis://127.0.0.1:6379/0", { maxRetriesPerRequest: 3 });
redis.on("error", (error) => console.error(`redis: ${error.message || error.code}`));

try {
  const partitions = Number((await redis.get("shopstream:partitions")) ?? 1);
  const number = crc32(shop) % partitions;
  const partition = `shopstream:{${number}}`;
  if (!(await redis.hexists(`${partition}:registry`, shop))) throw new Error(`shop ${shop} is not authorized`);
  for (let from = 0; from < ids.length; from += 1000) {
    const members = ids.slice(from, from + 1000).flatMap((id) => [1, id]); // score 0 instead of 1: urgent
    await redis.zadd(`${partition}:backlog:products:${shop}`, "LT", ...members);
  }
  // After the ids, so that whoever looks finds them.
  await redis.zadd(`${partition}:due`, "LT", 0, `products:${shop}`);
  // A worker looks at once; else within half a second.
  await redis.zadd("shopstream:{0}:wake", 0, number).catch(() => {});
  console.log(`asked for ${ids.length} products`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  redis.disconnect();
}
