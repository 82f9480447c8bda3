import * as z from 'zod/mini';

import { type Setting, settingOf } from '../../lib/core/schema/setting.js';

/** The JSON schema of what a person writes, for editors and other programs. */
export function jsonSchemaOf(schema: z.core.$ZodType, title: string): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const setting = settingOf(zodSchema);
      if (!setting) return;
      Object.assign(jsonSchema, setting.json, { description: setting.help });
      const standard = defaultOf(setting);
      if (standard !== undefined) jsonSchema.default = standard;
    },
  });
  return { $schema, title, ...rest };
}

/** Of the type that the schema says: a setting's own default is text. */
function defaultOf({ default: text, json }: Setting): unknown {
  if (json['type'] === 'boolean') return text === undefined ? undefined : text === 'true';
  if (json['type'] !== 'integer' && json['type'] !== 'number') return text;
  // Numbers of a list say what the list is without them, which is not a number.
  return Number.isNaN(Number(text)) ? undefined : Number(text);
}
