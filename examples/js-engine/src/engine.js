// The engine as the host sees it: what `adapter` of `wit/engine.wit` asks for.
import { endpoints } from 'agent-factory:guest/model@0.1.0';
import { answer } from './commands.js';
import { chat } from './openai-chat.js';
import { text, turnError } from './words.js';

export const adapter = {
  run(turn) {
    try {
      const endpoint = endpoints().find((endpoint) => endpoint.api() === 'openai-chat');
      const reply = answer(turn) ?? (endpoint ? chat(turn, endpoint) : echo(turn));
      turn.append({ role: 'assistant', parts: [{ tag: 'text', val: reply }] });
      turn.reply({ text: reply, files: [] });
    } catch (thrown) {
      throw turnError(thrown);
    }
  },
};

/** What there is to say without a model: the agent's name, and what it was told. */
function echo(turn) {
  const identity = turn.prompt().find(({ title }) => title === 'IDENTITY.md')?.body ?? '';
  const [, name = 'Nobody'] = /^\W*name:\W*(.+?)\W*$/im.exec(identity) ?? [];
  return `${name} heard: ${text(turn.input())}`;
}
