import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer } from '../src/commands.js';
import { chat, toWire } from '../src/openai-chat.js';
import { turnError } from '../src/words.js';

const says = (role, val) => ({ role, parts: [{ tag: 'text', val }] });

function turnOf(message) {
  return {
    appended: [],
    append(message) { this.appended.push(message); },
    input: () => says('user', message),
    prompt: () => [{ title: 'SOUL.md', body: 'Be kind.' }],
    history: () => ({ messages: [says('user', 'earlier')] }),
    tools: () => [{ name: 'math__add', description: 'Add.', inputSchema: '{}' }],
    toolRoundsLeft: () => 1,
    outputTokensMax: () => 100,
    callTools: (requests) =>
      requests.map(({ id, arguments: args }) => ({
        id,
        outcome: { tag: 'ok', val: { content: [{ tag: 'text', val: `ran ${args}` }] } },
      })),
  };
}

function endpointOf(...answers) {
  const bodies = [];
  const open = (body) => {
    bodies.push(JSON.parse(body));
    const message = answers.shift();
    return { next: () => ({ data: JSON.stringify({ choices: [{ message }] }) }) };
  };
  return { bodies, open, model: () => 'm', parameters: () => '{"max_tokens":500}' };
}

test('commands list tools and call one', () => {
  assert.equal(answer(turnOf('/tools')), '- `math__add`: Add.');
  assert.equal(answer(turnOf('/call math__add {"a": 1}')), 'ran {"a": 1}');
  assert.equal(answer(turnOf('hello /tools')), undefined);
});

test('a tool that the model asks for is run, and its result sent back', () => {
  const turn = turnOf('add');
  const call = { id: 'c1', type: 'function', function: { name: 'math__add', arguments: '{}' } };
  const endpoint = endpointOf({ content: null, tool_calls: [call] }, { content: 'done' });
  assert.equal(chat(turn, endpoint), 'done');
  const [first, second] = endpoint.bodies;
  assert.equal(first.max_tokens, 100);
  assert.deepEqual(first.messages.map(({ role }) => role), ['system', 'user', 'user']);
  assert.deepEqual(second.messages.slice(3), [
    { role: 'assistant', content: '', tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c1', content: 'ran {}' },
  ]);
  assert.equal(turn.appended.length, 2);
});

test('words are sent as they are', () => {
  assert.deepEqual(toWire(says('assistant', 'hi')), [{ role: 'assistant', content: 'hi' }]);
});

test('a bad key holds the agent, and a busy server is tried again', () => {
  const status = (code) => ({ payload: { tag: 'status', val: { code, body: '' } } });
  assert.equal(turnError(status(401)).tag, 'hold');
  assert.deepEqual(turnError(status(503)).val.milliseconds, 10_000);
});
