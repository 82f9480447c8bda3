import type * as z from 'zod/mini';

import { everySetting } from '../../lib/core/schema/walk.js';
import { markdownTable } from '../markdown.js';

/** The settings of a schema as a Markdown table, in their order: path, default, meaning. */
export function settingsTable(schema: z.core.$ZodType): string {
  const all = everySetting(schema);
  return markdownTable(
    ['setting', 'default', 'meaning'],
    all.map(([path, { default: usual = '', help }]) => [
      `\`${path}\``,
      usual === '' ? '' : `\`${usual}\``,
      help,
    ]),
  );
}
