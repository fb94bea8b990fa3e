/**
 * Why a call gave no output, as the contract spells it: `tag` is a case of `tool-error` in
 * `wit/types.wit`. Thrown out of `call`, it becomes that case.
 */
export class ToolError extends Error {
  constructor(tag, message) {
    super(message);
    this.payload = { tag, val: message };
  }

  /** The arguments are wrong, and the model may correct them. */
  static invalidArguments(message) {
    return new ToolError('invalid-arguments', message);
  }

  /** Anything else; the text is shown to the model. */
  static failed(message) {
    return new ToolError('failed', message);
  }

  /** What was thrown: by this skill, by an import of the host (which has a payload), or by a mistake. */
  static from(thrown) {
    if (thrown instanceof ToolError) return thrown;
    if (thrown?.payload?.tag === 'access-denied') {
      return new ToolError('not-configured', 'key-value is not granted to this skill');
    }
    const { tag, val } = thrown?.payload ?? {};
    return ToolError.failed(tag ? `${tag}: ${val}` : String(thrown?.message ?? thrown));
  }
}
