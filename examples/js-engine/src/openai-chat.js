// The wire format `openai-chat`: one request a round, until the model asks for no more tools.
import { outcomeText, text } from './words.js';

/** Messages of the conversation that are sent along. */
const HISTORY = 40;

/** The model's answer to the turn's message, after whatever tools it wanted. */
export function chat(turn, endpoint) {
  const messages = [
    { role: 'system', content: turn.prompt().map(({ title, body }) => `# ${title}\n\n${body}`).join('\n\n') },
    ...turn.history(undefined, HISTORY).messages.flatMap(toWire),
    ...toWire(turn.input()),
  ];
  const tools = turn.tools().map(({ name, description, inputSchema }) => ({
    type: 'function',
    function: { name, description, parameters: JSON.parse(inputSchema) },
  }));
  for (;;) {
    const body = { ...JSON.parse(endpoint.parameters()), model: endpoint.model(), messages };
    body.max_tokens = Math.min(body.max_tokens ?? Infinity, turn.outputTokensMax());
    if (tools.length > 0 && turn.toolRoundsLeft() > 0) body.tools = tools;
    const { content, tool_calls: calls = [] } = exchange(endpoint, body);
    if (!calls?.length) return content ?? '';
    for (const message of runTools(turn, content, calls)) {
      turn.append(message);
      messages.push(...toWire(message));
    }
  }
}

/** Post one request; the message of the first choice. Nothing asks for a stream, so the body is one event. */
function exchange(endpoint, body) {
  const { data } = endpoint.open(JSON.stringify(body)).next();
  return JSON.parse(data).choices[0].message;
}

/** The model's request for tools, and their results, as messages of the history. */
function runTools(turn, content, calls) {
  const requests = calls.map(({ id, function: { name, arguments: args } }) => ({ id, name, arguments: args }));
  const asked = requests.map((val) => ({ tag: 'tool-request', val }));
  if (content) asked.unshift({ tag: 'text', val: content });
  const results = turn.callTools(requests).map((val) => ({ tag: 'tool-result', val }));
  return [
    { role: 'assistant', parts: asked },
    { role: 'user', parts: results },
  ];
}

/** A message of the history in the vendor's format, which has one message for each tool's result. */
export function toWire(message) {
  const of = (tag) => message.parts.filter((part) => part.tag === tag).map(({ val }) => val);
  const results = of('tool-result').map(({ id, outcome }) => ({
    role: 'tool',
    tool_call_id: id,
    content: outcomeText(outcome),
  }));
  const calls = of('tool-request').map(({ id, name, arguments: args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  const content = text(message);
  if (!content && calls.length === 0) return results;
  const said = { role: message.role, content };
  return [...results, calls.length > 0 ? { ...said, tool_calls: calls } : said];
}
