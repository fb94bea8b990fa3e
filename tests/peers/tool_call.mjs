// The jobs of `cargo xtask bench wasm` as a script: a name as its argument, JSON on standard input, an answer on
// standard output. It imports no package, so what is measured is Node itself.
import { readFileSync } from 'node:fs';

const UNITS = {
  metre: { kind: 'length', factor: 1 },
  kilometre: { kind: 'length', factor: 1000 },
  mile: { kind: 'length', factor: 1609.344 },
};

const jobs = {
  small({ first, second }) {
    for (const eyes of [first, second]) {
      if (!Number.isInteger(eyes) || eyes < 1 || eyes > 6) throw new RangeError(`no die shows ${eyes}`);
    }
    if (first === second) return 'neither';
    return first > second ? 'the first' : 'the second';
  },

  json({ orders }) {
    const sums = {};
    for (const { customer, items } of orders) {
      const sum = (sums[customer] ??= { orders: 0, cents: 0, items: {} });
      sum.orders += 1;
      for (const { name, count, price } of items) {
        sum.cents += count * price;
        sum.items[name] = (sum.items[name] ?? 0) + count;
      }
    }
    return JSON.stringify(sums);
  },

  js({ value, from, to }) {
    const [source, target] = [UNITS[from], UNITS[to]];
    if (source.kind !== target.kind) throw new RangeError(`${from} is a ${source.kind}`);
    return `${value} ${from} = ${Number(((value * source.factor) / target.factor).toPrecision(6))} ${to}`;
  },
};

process.stdout.write(jobs[process.argv[2]](JSON.parse(readFileSync(0, 'utf8'))));
