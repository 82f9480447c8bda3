import { refusalText, SearchRefusal } from '../../clients/search/refusal.js';
import { type ByteString, bytesOf, fromBytes, toBytes } from '../../core/bytes.js';
import type { DocumentName, StoredDocument } from '../engine.js';
import { eachElement, eachMember, stringText } from '../../sources/json-members.js';
import { jsonString } from '../../sources/json-text.js';
import type { ElasticClient } from './client.js';
import { concreteIndices } from './describe.js';

/**
 * The documents as they are now, by `_mget`, which sees writes before a refresh. It takes no name of several indices, so that each of
 * them is asked for every document.
 */
export async function readDocuments(
  client: ElasticClient,
  index: string,
  documents: readonly DocumentName[],
  signal: AbortSignal,
): Promise<readonly (StoredDocument | undefined)[]> {
  if (documents.length === 0) return [];
  const found = (await concreteIndices(client, index, signal)) ?? [];
  const indices = found.length === 0 ? [index] : found.map(({ name }) => name);
  const names = indices.flatMap((name) => documents.map((document) => documentName(name, document)));
  const { body } = await client.bytes(
    { method: 'POST', path: '/_mget', body: Buffer.from(`{"docs":[${names.join(',')}]}`, 'latin1') },
    signal,
  );
  const read: (StoredDocument | undefined)[] = [];
  eachMember(bytesOf(body), (name, value) => {
    if (name === '"docs"') eachElement(value, (raw) => read.push(storedDocument(raw, client.name)));
  });
  return documents.map((_, i) =>
    indices.map((_, nth) => read[nth * documents.length + i]).find((document) => document !== undefined),
  );
}

function documentName(index: string, { id, routing }: DocumentName): string {
  const routed = routing === undefined ? '' : `,"routing":${jsonString(routing)}`;
  return `{"_index":${jsonString(toBytes(index))},"_id":${jsonString(id)}${routed}}`;
}

function storedDocument(raw: ByteString, server: string): StoredDocument | undefined {
  let index: string | undefined;
  let routing: ByteString | undefined;
  let source: ByteString | undefined;
  let version = '';
  let seqNo = '';
  let term = '';
  let found = false;
  eachMember(raw, (name, value) => {
    if (name === '"_source"') source = value;
    else if (name === '"_index"') index = fromBytes(stringText(value));
    else if (name === '"_routing"') routing = stringText(value);
    else if (name === '"_version"') version = value;
    else if (name === '"_seq_no"') seqNo = value;
    else if (name === '"_primary_term"') term = value;
    else if (name === '"found"') found = value === 'true';
    else if (name === '"error"') {
      const { type, reason } = refusalText({
        status: 503,
        body: Buffer.from(`{"error":${value}}`, 'latin1'),
      });
      throw new SearchRefusal(server, type === 'index_not_found_exception' ? 404 : 503, type, reason);
    }
  });
  if (!found || source === undefined) return undefined;
  // As a bulk action has it.
  return { index, routing, source, version, revision: `"if_seq_no":${seqNo},"if_primary_term":${term}` };
}
