// The system of units that a person likes, kept for all conversations of the agent.
import { get, set } from 'agent-factory:guest/key-value@0.1.0';

const KEY = 'system';

/** `metric` or `imperial`; metric until the person said otherwise. */
export function preferredSystem() {
  const entry = get('agent', KEY);
  return entry ? new TextDecoder().decode(entry.value) : 'metric';
}

export function prefer(system) {
  set('agent', KEY, new TextEncoder().encode(system));
}
