import * as z from 'zod/mini';

import { settingOf } from '../../lib/core/schema/setting.js';

/** The JSON schema of what a person writes, for editors and other programs. */
export function jsonSchemaOf(schema: z.core.$ZodType, title: string): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const setting = settingOf(zodSchema);
      if (!setting) return;
      Object.assign(jsonSchema, setting.json, { description: setting.help });
      if (setting.default !== undefined) jsonSchema.default = setting.default;
    },
  });
  return { $schema, title, ...rest };
}
