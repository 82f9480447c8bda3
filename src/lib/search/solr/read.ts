import { type ByteString, bytesOf } from '../../core/bytes.js';
import { eachElement, eachMember } from '../../sources/json-members.js';
import { corePath, formBody, formType, type SolrClient } from './client.js';
import type { SolrSchema } from './schema.js';
import { fieldList, type Stored, storedOf } from './stored.js';
import { fromBytes } from '../../core/bytes.js';

/** The documents as they are now, by id, through the transaction log: what was written is there before a commit. */
export async function readStored(
  client: SolrClient,
  core: string,
  schema: SolrSchema,
  ids: readonly ByteString[],
  signal: AbortSignal,
): Promise<ReadonlyMap<ByteString, Stored>> {
  const read = new Map<ByteString, Stored>();
  if (ids.length === 0) return read;
  const { body } = await client.bytes(
    {
      method: 'POST',
      path: corePath(core, 'get'),
      contentType: formType,
      body: formBody([
        ['fl', fieldList(schema, 'all')],
        ['indent', 'off'],
        ['wt', 'json'],
        // `ids` would be split at commas.
        ...ids.map((id) => ['id', fromBytes(id)] as const),
      ]),
    },
    signal,
  );
  const take = (raw: ByteString) => {
    if (raw === 'null') return;
    const stored = storedOf(schema, raw, true);
    read.set(stored.id, stored);
  };
  eachMember(bytesOf(body), (name, value) => {
    // Of one id the answer is the document, of more of them a list.
    if (name === '"doc"') take(value);
    else if (name === '"response"')
      eachMember(value, (inner, docs) => {
        if (inner === '"docs"') eachElement(docs, take);
      });
  });
  return read;
}
