// The skill as the host sees it: what `toolbox` of `wit/skill.wit` asks for.
import { log } from 'agent-factory:guest/logging@0.1.0';
import { prefer, preferredSystem } from './preference.js';
import { ToolError } from './tool-error.js';
import { SYSTEM_NAMES, UNIT_NAMES, convert, usualUnit } from './units.js';

const tools = [
  {
    name: 'convert',
    title: 'Convert units',
    description:
      'Convert a length, weight or volume to another unit. Without `to`, it becomes the usual unit of the ' +
      'system that the person prefers.',
    inputSchema: {
      type: 'object',
      properties: {
        value: { type: 'number' },
        from: { enum: UNIT_NAMES },
        to: { enum: UNIT_NAMES },
      },
      required: ['value', 'from'],
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: { value: { type: 'number' }, unit: { enum: UNIT_NAMES } },
      required: ['value', 'unit'],
    },
    hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
    run({ value, from, to = usualUnit(preferredSystem(), from) }) {
      try {
        const converted = convert(value, from, to);
        return { text: `${value} ${from} = ${converted} ${to}`, structured: { value: converted, unit: to } };
      } catch (error) {
        throw error instanceof RangeError ? ToolError.invalidArguments(error.message) : error;
      }
    },
  },
  {
    name: 'prefer',
    title: 'Prefer a system of units',
    description: 'Remember which system of units the person prefers.',
    inputSchema: {
      type: 'object',
      properties: { system: { enum: SYSTEM_NAMES } },
      required: ['system'],
      additionalProperties: false,
    },
    hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
    run({ system }) {
      prefer(system);
      log('info', `prefers ${system} units`);
      return { text: `From now on, ${system} units.` };
    },
  },
];

export const toolbox = {
  tools() {
    return tools.map(({ run, inputSchema, outputSchema, ...tool }) => ({
      ...tool,
      inputSchema: JSON.stringify(inputSchema),
      outputSchema: outputSchema && JSON.stringify(outputSchema),
    }));
  },

  // The host has checked the arguments against the tool's schema.
  call(call) {
    try {
      const tool = tools.find(({ name }) => name === call.tool());
      if (!tool) throw ToolError.invalidArguments(`there is no tool ${call.tool()}`);
      const { text, structured } = tool.run(JSON.parse(call.arguments()));
      return {
        content: [{ tag: 'text', val: text }],
        structured: structured && JSON.stringify(structured),
      };
    } catch (thrown) {
      throw ToolError.from(thrown);
    }
  },
};
