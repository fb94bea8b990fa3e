// pg-boss: a queue of the policy `key_strict_fifo`, the message's key as `singletonKey`.
//
// The settings, each the best of those tried on two cores:
// - a table of its own for the queue (`partition`), so that nothing else is in its indexes.
// - `fetch` and `complete` in batches in a loop, without the polling of `work`, which waits half a second and more
//   between batches. A fetch looks at every waiting job, so it costs the same for one job as for thousands: the larger
//   the batch, the better, up to the number of keys, for a fetch takes one job a key. 1,000 is the best with 1,000
//   keys, 5,000 with 10,000.
// - two fetch at a time: one completes while the other one fetches. Four are slower: they choose the same jobs.
// - no maintenance, monitoring or registry while it is measured.
//
// Jobs inserted together share their time of creation and are ordered by id: each gets an id that sorts by its place.

import { PgBoss } from "pg-boss";
import pg from "pg";
import * as workload from "./workload.mjs";

const PEER = "pg-boss 12.38.0";
const QUEUE = "messages";
const BATCHES = [1, 20, 100, 1_000, 5_000];
/** The ones that hot keys are measured with. */
const LARGE = 100;
const FETCHERS = 2;
/** Messages that are done before anything is measured, so that the programs are warm. */
const WARM_UP = 5_000;

const settings = workload.readArguments();
const pool = new pg.Pool({ connectionString: settings.database, max: 2 });
const boss = new PgBoss({
  connectionString: settings.database,
  max: 8,
  supervise: false,
  schedule: false,
  registerInstance: false,
});
boss.on("error", (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
await boss.start();
const sizes = settings.batches ?? BATCHES;
const warmUp = workload.roundRobin(WARM_UP, 1_000);
await load(warmUp);
await drain(sizes.at(-1), warmUp, settings.limitMs);
for (const keys of settings.keys) {
  for (const batch of sizes) {
    const { count, runs } = workload.size(settings, batch);
    const messages = workload.roundRobin(count, keys);
    const params = { keys, messages: messages.length, runs };
    const inserts = [];
    const outcomes = [];
    for (let run = 0; run < runs; run += 1) {
      inserts.push(await load(messages));
      if (!settings.cases.has("claim_complete")) continue;
      const outcome = await drain(batch, messages, settings.limitMs * 4);
      workload.checkOrder(messages, outcome.places, { all: true });
      outcomes.push(outcome);
    }
    if (settings.cases.has("enqueue") && batch === sizes.at(-1)) {
      workload.printRuns(PEER, "enqueue", { ...params, batch: workload.INSERT_BATCH }, messages.length, inserts);
    }
    if (outcomes.length > 0) {
      workload.printRuns(PEER, "claim_complete", { ...params, batch, ...outcomes[0].params }, messages.length, outcomes);
    }
  }
}
if (settings.cases.has("hot_key")) {
  for (const hot of [0, settings.hot]) {
    for (const batch of sizes.filter((size) => size >= LARGE)) await behindHotKey(batch, hot);
  }
}
await boss.stop({ graceful: false });
await pool.end();

/** How long the cold keys' messages wait with `hot` messages of one key before them. */
async function behindHotKey(batch, hot) {
  const messages = workload.behindHotKey(hot, settings.cold);
  await load(messages);
  const cold = (place) => place >= hot;
  const outcome = await drain(batch, messages, settings.limitMs, cold);
  workload.checkOrder(messages, outcome.places, { all: false });
  const waits = outcome.places.flatMap((place, at) => (cold(place) ? [outcome.times[at] - outcome.begun] : []));
  const params = { hot, keys: settings.cold, batch, ...outcome.params };
  const done = { done: waits.length, hot_done: outcome.places.length - waits.length, limit_ms: settings.limitMs };
  workload.print(PEER, "hot_key", params, (waits.length / outcome.elapsed) * 1_000, waits, done);
}

/** Insert the messages into a new queue. How long it took, and each batch of it, in milliseconds. */
async function load(messages) {
  if (await boss.getQueue(QUEUE)) await boss.deleteQueue(QUEUE);
  await boss.createQueue(QUEUE, { policy: "key_strict_fifo", partition: true });
  const { table } = await boss.getQueue(QUEUE);
  const begun = workload.now();
  const times = [];
  for (const batch of workload.batches(messages)) {
    const start = workload.now();
    await boss.insert(
      QUEUE,
      batch.map(({ place, key, body }) => ({ id: id(place), singletonKey: key, data: body })),
    );
    times.push(workload.now() - start);
  }
  const elapsed = workload.now() - begun;
  await pool.query(`VACUUM ANALYZE pgboss.${table}`);
  return { elapsed, rounds: times };
}

/** An id that sorts by its place. */
function id(place) {
  return `00000000-0000-4000-8000-${place.toString(16).padStart(12, "0")}`;
}

/** Fetch and complete until all wanted messages are done or the time is up. */
async function drain(batch, messages, limitMs, wanted = () => true) {
  const fetchers = settings.concurrency ?? FETCHERS;
  let left = messages.filter(({ place }) => wanted(place)).length;
  const places = [];
  const times = [];
  const rounds = [];
  const begun = workload.now();
  const fetcher = async () => {
    while (left > 0 && workload.now() < begun + limitMs) {
      const start = workload.now();
      const jobs = await boss.fetch(QUEUE, { batchSize: batch });
      if (jobs.length === 0) continue;
      const { affected } = await boss.complete(QUEUE, jobs);
      if (affected !== jobs.length) throw new Error(`${affected} of ${jobs.length} jobs were completed`);
      const at = workload.now();
      for (const { data } of jobs) {
        places.push(data.place);
        times.push(at);
        if (wanted(data.place)) left -= 1;
      }
      rounds.push(at - start);
    }
  };
  await Promise.all(Array.from({ length: fetchers }, fetcher));
  return { begun, elapsed: workload.now() - begun, places, times, rounds, params: { fetchers } };
}
