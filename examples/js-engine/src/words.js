// Messages and errors, as the contract writes them.

/** The words of a message, without its files and tool calls. */
export function text({ parts }) {
  return parts
    .filter(({ tag }) => tag === 'text')
    .map(({ val }) => val)
    .join('\n');
}

/** What a tool answered, or why it did not, for a person or a model to read. */
export function outcomeText({ tag, val }) {
  if (tag === 'err') return `${val.tag}: ${val.val.reason ?? val.val}`;
  return val.content.map((piece) => (piece.tag === 'text' ? piece.val : `(${piece.val.mediaType})`)).join('\n');
}

const SECOND = 1000;

/** The case of `turn-error` for whatever ended the turn: an error of `model`, or a mistake in this engine. */
export function turnError(thrown) {
  const { tag, val } = thrown?.payload ?? thrown ?? {};
  switch (tag) {
    case 'not-configured':
      return { tag: 'hold', val };
    case 'status':
      return statusError(val);
    case 'unreachable':
    case 'interrupted':
      return retry(5 * SECOND, val);
    // A limit of this turn: the next message has it anew, so nobody has to act.
    case 'over-budget':
    case 'other':
      return { tag: 'permanent', val };
    default:
      return { tag: 'permanent', val: String(thrown?.message ?? JSON.stringify(thrown)) };
  }
}

function statusError({ code, retryAfterMilliseconds, body }) {
  const reason = `the model's server answered ${code}: ${body}`;
  if (code === 429 || code >= 500) return retry(retryAfterMilliseconds ?? 10 * SECOND, reason);
  if (code === 400 && body.includes('context_length')) return { tag: 'context-overflow' };
  return [401, 402, 403, 404].includes(code) ? { tag: 'hold', val: reason } : { tag: 'permanent', val: reason };
}

function retry(milliseconds, reason) {
  return { tag: 'retry-after', val: { milliseconds, reason } };
}
