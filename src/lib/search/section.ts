import * as z from 'zod/mini';

import { section } from '../core/schema/section.js';
import { text, whole } from '../core/schema/setting.js';
import { readAge } from './age.js';
import { readSynonym } from './setup/synonyms.js';

/** How indices are set up, on whichever engine. */
export const searchSection = section({
  key: 'search',
  schema: z.strictObject({
    synonyms: z.optional(
      z.array(
        text({ help: 'words for the same: `trafo, transformer`, or `trafo => transformer`' }, readSynonym),
      ),
    ),
    shards: z.optional(whole({ help: 'primary shards of a new index; else as the server has it' }, 1, 1024)),
    replicas: z.optional(whole({ help: 'replicas of each shard; else as the server has it' }, 0, 64)),
    retention: z.optional(
      z.record(
        z.string(),
        text({ help: 'by index, how long documents are kept: `13M`, `90d`, `2y`', unit: true }, readAge),
      ),
    ),
  }),
});
