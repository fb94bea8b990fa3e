// What every peer is given, and how it is checked: the same keys, the same bodies, strict order within a key.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const BODY_BYTES = 300;
/** Messages that are inserted at once. */
export const INSERT_BATCH = 1_000;

/** The arguments of a peer's script. `--database` is the address of an empty database. */
export function readArguments() {
  const { values } = parseArgs({
    options: {
      database: { type: "string" },
      messages: { type: "string", default: "20000" },
      keys: { type: "string", default: "1000,10000" },
      hot: { type: "string", default: "50000" },
      cold: { type: "string", default: "5000" },
      runs: { type: "string", default: "3" },
      "limit-seconds": { type: "string", default: "25" },
      cases: { type: "string", default: "enqueue,claim_complete,hot_key" },
      // For whoever looks for better settings than ours.
      batches: { type: "string" },
      processes: { type: "string" },
      concurrency: { type: "string" },
    },
  });
  if (!values.database) throw new Error("--database is missing");
  const number = (name) => (values[name] === undefined ? undefined : Number(values[name]));
  return {
    database: values.database,
    messages: number("messages"),
    keys: values.keys.split(",").map(Number),
    hot: number("hot"),
    cold: number("cold"),
    runs: number("runs"),
    limitMs: number("limit-seconds") * 1_000,
    cases: new Set(values.cases.split(",")),
    batches: values.batches?.split(",").map(Number),
    processes: number("processes"),
    concurrency: number("concurrency"),
  };
}

/** How many messages of how many runs: small batches take so much longer that a part of them, once, tells as much. */
export function size({ messages, runs }, batch) {
  return batch < 100 ? { count: Math.floor(messages / 4), runs: 1 } : { count: messages, runs };
}

/** `count` messages over `keys` keys, round robin. A message is its place, its key and its body. */
export function roundRobin(count, keys) {
  return messages(count, (place) => `key-${place % keys}`);
}

/** One key with `hot` messages, and behind it `cold` keys with one message each. */
export function behindHotKey(hot, cold) {
  return messages(hot + cold, (place) => (place < hot ? "hot" : `cold-${place - hot}`));
}

function messages(count, keyOf) {
  const body = "x".repeat(BODY_BYTES - '{"place":1234567,"key":"key-12345","text":""}'.length);
  return Array.from({ length: count }, (_, place) => {
    const key = keyOf(place);
    return { place, key, body: { place, key, text: body } };
  });
}

/** The messages in the batches they are inserted in. */
export function* batches(messages, size = INSERT_BATCH) {
  for (let from = 0; from < messages.length; from += size) yield messages.slice(from, from + size);
}

/**
 * Throw unless each message was done once, and after the one before it of its key.
 * `done` is the places in the order in which they were done; `all` says whether none may be missing.
 */
export function checkOrder(messages, done, { all }) {
  const last = new Map();
  const seen = new Set();
  for (const place of done) {
    if (seen.has(place)) throw new Error(`message ${place} was done twice`);
    seen.add(place);
    const { key } = messages[place];
    const before = last.get(key) ?? -1;
    if (before > place) throw new Error(`message ${place} of ${key} was done after ${before}`);
    last.set(key, place);
  }
  if (all && seen.size !== messages.length) {
    throw new Error(`${seen.size} of ${messages.length} messages were done`);
  }
}

/** The smallest sample that `share` of them do not exceed; null of none. */
export function quantile(samples, share) {
  if (samples.length === 0) return null;
  const sorted = Float64Array.from(samples).sort();
  const rank = Math.ceil(sorted.length * share);
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1];
}

/** Print the figure of a few runs of `count` messages: the middle rate, and what each took. */
export function printRuns(peer, name, params, count, runs) {
  const rates = runs.map(({ elapsed }) => (count / elapsed) * 1_000);
  print(peer, name, params, quantile(rates, 0.5), runs.flatMap(({ rounds }) => rounds));
}

/** Print one figure. `millis` are the samples that p50 and p99 are of. */
export function print(peer, name, params, rate, millis, more = {}) {
  const rounded = (value) => (value === null ? null : Math.round(value * 1_000) / 1_000);
  const line = {
    bench: "queue",
    case: name,
    params: { ...params, database: "postgres" },
    value: rounded(rate),
    unit: "messages/s",
    p50: rounded(quantile(millis, 0.5)),
    p99: rounded(quantile(millis, 0.99)),
    load1: load(),
    peer,
    ...more,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function load() {
  try {
    return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
  } catch {
    return 0;
  }
}

/** Milliseconds of the clock that the processes of one machine share. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}
