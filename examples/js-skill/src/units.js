// Units and how they convert. Nothing here knows of the host, so `node --test` can run it.

/** Metres, kilograms and litres are what each kind is counted in. */
const UNITS = {
  metre: { kind: 'length', factor: 1, system: 'metric' },
  kilometre: { kind: 'length', factor: 1000, system: 'metric' },
  foot: { kind: 'length', factor: 0.3048, system: 'imperial' },
  mile: { kind: 'length', factor: 1609.344, system: 'imperial' },
  gram: { kind: 'weight', factor: 0.001, system: 'metric' },
  kilogram: { kind: 'weight', factor: 1, system: 'metric' },
  ounce: { kind: 'weight', factor: 0.028349523125, system: 'imperial' },
  pound: { kind: 'weight', factor: 0.45359237, system: 'imperial' },
  litre: { kind: 'volume', factor: 1, system: 'metric' },
  gallon: { kind: 'volume', factor: 4.54609, system: 'imperial' },
};

/** What a value becomes when only the system is asked for. */
const USUAL = {
  metric: { length: 'metre', weight: 'kilogram', volume: 'litre' },
  imperial: { length: 'foot', weight: 'pound', volume: 'gallon' },
};

export const UNIT_NAMES = Object.keys(UNITS);
export const SYSTEM_NAMES = Object.keys(USUAL);

/** The usual unit of a system for what `unit` measures. */
export function usualUnit(system, unit) {
  return USUAL[system][UNITS[unit].kind];
}

/** `value` in another unit, six significant digits. Throws a RangeError where the kinds differ. */
export function convert(value, from, to) {
  const [source, target] = [UNITS[from], UNITS[to]];
  if (source.kind !== target.kind) {
    throw new RangeError(`${from} is a ${source.kind} and ${to} is a ${target.kind}`);
  }
  return Number(((value * source.factor) / target.factor).toPrecision(6));
}
