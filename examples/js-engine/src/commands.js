// What a person may ask of the engine itself: `/tools`, and `/call skill__tool {"some": "arguments"}`.
import { outcomeText, text } from './words.js';

/** The answer to a command; nothing where the message is none. */
export function answer(turn) {
  const [, command, rest = ''] = /^\/(\w+)\s*(.*)$/s.exec(text(turn.input()).trim()) ?? [];
  switch (command) {
    case 'tools':
      return list(turn.tools());
    case 'call':
      return call(turn, rest);
    default:
      return undefined;
  }
}

function list(tools) {
  if (tools.length === 0) return 'There are no tools.';
  return tools.map(({ name, description }) => `- \`${name}\`: ${description}`).join('\n');
}

function call(turn, rest) {
  const [, name = '', args] = /^(\S*)\s*(.*)$/s.exec(rest);
  const request = { id: 'call-1', name, arguments: args || '{}' };
  const [{ outcome }] = turn.callTools([request]);
  return outcomeText(outcome);
}
