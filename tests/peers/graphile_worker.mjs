// graphile-worker: a queue name for each key.
//
// The settings, each the best of those tried on two cores:
// - `localQueue` and `completeJobBatchDelay: 0`, as its own benchmark has: jobs are fetched and completed in batches,
//   25 times faster than one by one. 0.18 is the first release that keeps a queue's jobs apart with it. 500 is its
//   benchmark's size and the best one with 1,000 queues; 2,000 is the best one with 10,000. A batch of 1 is without it.
// - one process of 24 jobs at once. A fetch locks the row of every queue that is free, so that a second process finds
//   few while the first one fetches: two processes were slower, but for the largest batches, where they were as fast.
// - `pollInterval: 10`: a fetch that found less than it asked for is followed by a pause of that length, and the
//   default of two seconds, or even 100 ms, is most of the time where a batch is as large as the number of queues.
// - no logs.
//
// Jobs inserted together share their `run_at`, and jobs of one `run_at` have no order: each gets its own, a millisecond
// apart and in the past.

import { fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import { Logger, makeWorkerUtils, run as startRunner } from "graphile-worker";
import pg from "pg";
import * as workload from "./workload.mjs";

const PEER = "graphile-worker 0.18.0";
const TASK = "message";
const CONCURRENCY = 24;
const PROCESSES = 1;
const POLL_MS = 10;
const BATCHES = [1, 20, 100, 500, 2_000];
/** The ones that hot keys are measured with. */
const LARGE = 100;
/** Messages that are done before anything is measured, so that the programs are warm. */
const WARM_UP = 5_000;

process.env.NO_LOG_SUCCESS = "1";
const logger = new Logger(() => (level, message) => {
  if (level === "error") process.stderr.write(`graphile-worker: ${message}\n`);
});

async function main() {
  const settings = workload.readArguments();
  const pool = connect(settings.database, 4);
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  const sizes = settings.batches ?? BATCHES;
  const workers = await Workers.start(settings);
  const warmUp = workload.roundRobin(WARM_UP, 1_000);
  await load(pool, utils, warmUp);
  await workers.drain(warmUp, sizes.at(-1), settings.limitMs);
  for (const keys of settings.keys) {
    for (const batch of sizes) {
      const { count, runs } = workload.size(settings, batch);
      const messages = workload.roundRobin(count, keys);
      const params = { keys, messages: messages.length, runs };
      const inserts = [];
      const outcomes = [];
      for (let run = 0; run < runs; run += 1) {
        inserts.push(await load(pool, utils, messages));
        if (!settings.cases.has("claim_complete")) continue;
        const outcome = await workers.drain(messages, batch, settings.limitMs * 4);
        workload.checkOrder(messages, outcome.places, { all: true });
        await checkEmpty(pool);
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
      for (const batch of sizes.filter((size) => size >= LARGE)) {
        await behindHotKey(settings, pool, utils, workers, batch, hot);
      }
    }
  }
  await workers.stop();
  await utils.release();
  await pool.end();
}

/** How long the cold keys' messages wait with `hot` messages of one key before them. */
async function behindHotKey(settings, pool, utils, workers, batch, hot) {
  const messages = workload.behindHotKey(hot, settings.cold);
  await load(pool, utils, messages);
  const cold = (place) => place >= hot;
  const outcome = await workers.drain(messages, batch, settings.limitMs, cold);
  workload.checkOrder(messages, outcome.places, { all: false });
  const waits = outcome.places.flatMap((place, at) => (cold(place) ? [outcome.times[at] - outcome.begun] : []));
  const params = { hot, keys: settings.cold, batch, ...outcome.params };
  const done = { done: waits.length, hot_done: outcome.places.length - waits.length, limit_ms: settings.limitMs };
  workload.print(PEER, "hot_key", params, (waits.length / outcome.elapsed) * 1_000, waits, done);
}

/** Insert the messages into empty tables. How long it took, and each batch of it, in milliseconds. */
async function load(pool, utils, messages) {
  await pool.query("TRUNCATE graphile_worker._private_jobs, graphile_worker._private_job_queues RESTART IDENTITY");
  const first = Date.now() - messages.length - 60_000;
  const begun = workload.now();
  const times = [];
  for (const batch of workload.batches(messages)) {
    const start = workload.now();
    await utils.addJobs(
      batch.map(({ place, key, body }) => ({
        identifier: TASK,
        payload: body,
        queueName: key,
        runAt: new Date(first + place),
      })),
    );
    times.push(workload.now() - start);
  }
  const elapsed = workload.now() - begun;
  await pool.query("VACUUM ANALYZE graphile_worker._private_jobs, graphile_worker._private_job_queues");
  return { elapsed, rounds: times };
}

/** A pool that says what goes wrong outside a query. */
function connect(database, max) {
  const pool = new pg.Pool({ connectionString: database, max });
  const say = (error) => process.stderr.write(`graphile-worker: ${error.message}\n`);
  pool.on("error", say);
  pool.on("connect", (client) => client.on("error", say));
  return pool;
}

async function checkEmpty(pool) {
  const { rows } = await pool.query("SELECT count(*)::int AS left FROM graphile_worker._private_jobs");
  if (rows[0].left !== 0) throw new Error(`${rows[0].left} jobs are left`);
}

/** The processes that run jobs. They stay for all of it, and run jobs when they are told to. */
class Workers {
  #children;
  #settings;

  static async start(settings) {
    const workers = new Workers();
    workers.#settings = settings;
    const script = fileURLToPath(import.meta.url);
    const processes = settings.processes ?? PROCESSES;
    workers.#children = Array.from({ length: processes }, () => fork(script, { serialization: "advanced" }));
    await workers.#heard("ready");
    return workers;
  }

  /**
   * Let them work until all wanted messages are done or the time is up, and gather what they did, in the order they
   * did it. The time runs from the start of the runners until the last message: stopping them is not counted.
   */
  async drain(messages, batch, limitMs, wanted = () => true) {
    const concurrency = this.#settings.concurrency ?? CONCURRENCY;
    const { database } = this.#settings;
    let left = messages.filter(({ place }) => wanted(place)).length;
    const records = [];
    let allDone;
    const record = ({ places, times, rounds }) => {
      if (!places) return;
      records.push({ places, times, rounds });
      left -= places.filter(wanted).length;
      if (left === 0) allDone();
    };
    for (const child of this.#children) child.on("message", record);
    const begun = workload.now();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      allDone = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#tell({ database, batch, concurrency });
    });
    const stopped = this.#heard("stopped");
    this.#tell("stop");
    await stopped;
    for (const child of this.#children) child.off("message", record);
    const done = records.flatMap(({ places, times }) => places.map((place, at) => ({ place, time: times[at] })));
    done.sort((one, other) => one.time - other.time);
    const last = done.findLast(({ place }) => wanted(place));
    return {
      begun,
      elapsed: left === 0 ? last.time - begun : limitMs,
      places: done.map(({ place }) => place),
      times: done.map(({ time }) => time),
      rounds: records.flatMap(({ rounds }) => rounds),
      params: { processes: this.#children.length, concurrency },
    };
  }

  async stop() {
    const gone = this.#children.map((child) => once(child, "exit"));
    for (const child of this.#children) child.disconnect();
    await Promise.all(gone);
  }

  #tell(message) {
    for (const child of this.#children) child.send(message);
  }

  /** Wait until each process has sent this word. */
  #heard(word) {
    return Promise.all(
      this.#children.map(
        (child) =>
          new Promise((resolve, reject) => {
            const gone = (code) => reject(new Error(`a process of workers ended (${code})`));
            const listen = (message) => {
              if (message !== word) return;
              child.off("message", listen);
              child.off("exit", gone);
              resolve();
            };
            child.on("message", listen);
            child.on("exit", gone);
          }),
      ),
    );
  }
}

/** The other processes: run jobs from a message with settings until the word to stop, again and again. */
function worker() {
  let run = Promise.resolve();
  let stop;
  process.on("message", (message) => {
    if (message === "stop") {
      stop();
    } else {
      const stopped = new Promise((resolve) => (stop = resolve));
      run = run.then(() => runJobs(message, stopped));
    }
  });
  process.send("ready");
}

/** Run jobs, and report them every 50 ms. */
async function runJobs({ database, batch, concurrency }, stopped) {
  let places = [];
  let times = [];
  let rounds = [];
  const report = () => {
    if (places.length > 0) process.send({ places, times, rounds });
    places = [];
    times = [];
    rounds = [];
  };
  const events = new EventEmitter();
  let fetched = workload.now();
  events.on("localQueue:getJobs:complete", ({ jobs }) => {
    const at = workload.now();
    // A round: from one fetch of jobs to the next, with the work on them between.
    if (jobs.length > 0) rounds.push(at - fetched);
    fetched = at;
  });
  const pool = connect(database, concurrency + 2);
  const runner = await startRunner({
    pgPool: pool,
    events,
    logger,
    noHandleSignals: true,
    taskList: {
      [TASK]: ({ place }) => {
        places.push(place);
        times.push(workload.now());
      },
    },
    preset: {
      worker: {
        concurrentJobs: concurrency,
        maxPoolSize: concurrency + 2,
        pollInterval: POLL_MS,
        ...(batch > 1 && { localQueue: { size: batch }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }),
      },
    },
  });
  const timer = setInterval(report, 50);
  await stopped;
  await runner.stop();
  clearInterval(timer);
  report();
  await pool.end();
  process.send("stopped");
}

if (process.send) worker();
else await main();
