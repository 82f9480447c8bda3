import { UserError } from '../../core/errors.js';
import { requireAllShown } from '../elastic/all-shown.js';
import type { ElasticClient } from '../elastic/client.js';
import { indexMissing } from '../index-missing.js';
import { type Held, type HeldIndex, readNamed } from '../setup/holdings.js';
import { type Ages, agesOf } from './ages.js';
import { timeFieldOf } from './time-field.js';

/** A name, and how old what is behind it is. */
export interface Asked {
  readonly name: string;
  readonly timeField: string;
  /** What is older goes. */
  readonly limit: Date;
  readonly held: Held;
  readonly found: readonly { readonly index: HeldIndex; readonly ages: Ages }[];
}

/**
 * Makes what was written visible, and changes nothing else.
 * @param given the field by which documents age
 * @throws UserError exit 2 `INDEX_MISSING`, `NOT_A_NAME`, `SHOWS_PART`, `TIME_FIELD_UNCLEAR`; IncompleteScan; as ElasticClient.json
 */
export async function readAsked(
  client: ElasticClient,
  name: string,
  limit: Date,
  given: string | undefined,
  signal: AbortSignal,
): Promise<Asked> {
  const held = await readNamed(client, name, { dataStreams: true }, signal);
  if (held === undefined) throw indexMissing(client.name, name);
  requireWhole(name, held);
  const timeField = timeFieldOf(name, held, given);
  await client.bytes({ method: 'POST', path: `/${encodeURIComponent(name)}/_refresh` }, signal);
  const found: { index: HeldIndex; ages: Ages }[] = [];
  for (const index of held.indices)
    found.push({ index, ages: await agesOf(client, index.name, timeField, limit, signal) });
  return { name, timeField, limit, held, found };
}

/** Whole indices go, and documents by their age alone: what the alias hides would go with the rest. */
function requireWhole(name: string, { is, indices }: Held): void {
  if (is !== 'alias') return;
  for (const { name: index, aliases } of indices) {
    const alias = aliases[name];
    // The indices of a data stream do not say the aliases of the data stream.
    if (alias === undefined)
      throw new UserError(`${name} is an alias of a data stream`, {
        code: 'SHOWS_PART',
        hint: 'Name the data stream.',
      });
    requireAllShown(name, index, alias);
  }
}
