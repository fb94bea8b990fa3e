import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convert, usualUnit } from '../src/units.js';

test('a mile is 1609.34 metres, rounded to six digits', () => {
  assert.equal(convert(1, 'mile', 'metre'), 1609.34);
});

test('the usual unit depends on what is measured', () => {
  assert.equal(usualUnit('imperial', 'gram'), 'pound');
  assert.equal(usualUnit('metric', 'mile'), 'metre');
});

test('a length is no weight', () => {
  assert.throws(() => convert(1, 'foot', 'pound'), /foot is a length and pound is a weight/);
});
