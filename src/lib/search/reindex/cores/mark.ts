import * as z from 'zod/mini';

import { ServiceConflict } from '../../../core/errors.js';
import { corePath, type SolrClient } from '../../solr/client.js';
import { holderSchema } from '../state.js';

const identified = z.object({ name: z.string(), uuid: z.string() });
const digits = z.string().check(z.regex(/^\d+$/));

const markSchema = z.object({
  source: identified,
  destination: identified,
  /** The destination is one that we created: else it was there, and empty. */
  isOurs: z.boolean(),
  /** Everything up to this `_version_` of the source is in the destination; undefined before the first copy has ended. */
  reached: z.optional(digits),
  /** The source takes no writes because of us. */
  frozen: z.boolean(),
  /** Since just before the swap. */
  swapped: z.optional(
    z.object({
      at: z.number(),
      /** The highest `_version_` of the destination then: what is higher was written by others. */
      version: digits,
      /** What reached the old core during the swap is in the new one. */
      isSettled: z.boolean(),
    }),
  ),
  /** Undefined when its last holder has left it. */
  holder: z.optional(holderSchema),
});

/**
 * How far the reindex of a core or collection came. It is among the request parameters of the destination's configuration, which
 * outlive this process and take no reload: any host can continue from it, and a rollback knows the way back.
 */
export type CoreMark = z.infer<typeof markSchema>;

/**
 * The mark of the reindex of `asked`, as the core has it. Cores of one configset share their parameters: whose it is its
 * `destination` says.
 * @throws ServiceConflict when it was written by somebody else; as SolrClient.json
 */
export async function readMark(
  client: SolrClient,
  core: string,
  asked: string,
  signal: AbortSignal,
): Promise<CoreMark | undefined> {
  const key = keyOf(asked);
  type Answer = { response: { params?: Record<string, { mark?: string } | undefined> } };
  const path = corePath(core, `config/params/${encodeURIComponent(key)}`);
  const { response } = await client.json<Answer>({ path }, signal);
  const stored = response.params?.[key];
  if (stored === undefined) return undefined;
  const { data } = markSchema.safeParse(parsed(stored.mark));
  if (data !== undefined) return data;
  throw new ServiceConflict(`the parameters ${key} of '${core}' are not what metrify wrote`, {
    code: 'REINDEX_STATE',
    hint: `Look at them at ${core}/config/params, and delete them when no reindex is under way.`,
  });
}

/** Writes the mark, or removes it. */
export async function saveMark(
  client: SolrClient,
  core: string,
  asked: string,
  mark: CoreMark | undefined,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(asked);
  const body = mark === undefined ? { delete: [key] } : { set: { [key]: { mark: JSON.stringify(mark) } } };
  await client.json({ path: corePath(core, 'config/params'), body }, signal);
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** Solr takes names of letters, digits and a few signs. */
function keyOf(asked: string): string {
  return `metrify_reindex_${asked}`;
}
