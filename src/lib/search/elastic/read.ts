import { refusalText, SearchRefusal } from '../../clients/search/refusal.js';
import { type ByteString, bytesOf, fromBytes, toBytes } from '../../core/bytes.js';
import { counted } from '../../core/units.js';
import { HttpFailure } from '../../http/failure.js';
import type { DocumentName, StoredDocument } from '../engine.js';
import { eachElement, eachMember, stringText } from '../../sources/json-members.js';
import { jsonString } from '../../sources/json-text.js';
import type { ElasticClient } from './client.js';
import { indicesBehind } from './describe.js';

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
  const found = (await indicesBehind(client, index, signal)) ?? [];
  const indices = found.length === 0 ? [index] : found.map(({ name }) => name);
  const read = await getEach(client, indices, documents, {}, signal);
  return documents.map((_, i) => {
    const got = read.map((answers) => answers[i]!).find(({ isFound }) => isFound);
    return got?.source === undefined ? undefined : { ...got, source: got.source };
  });
}

/**
 * Which of the indices behind a name has each document; undefined for those that none has.
 * Undefined as a whole where the name stands for one index or none: there is nothing to choose from.
 */
export async function holdersOf(
  client: ElasticClient,
  name: string,
  documents: readonly DocumentName[],
  signal: AbortSignal,
): Promise<readonly (string | undefined)[] | undefined> {
  const indices = ((await indicesBehind(client, name, signal)) ?? []).map((index) => index.name);
  if (indices.length < 2) return undefined;
  // Nothing else of the answer is read, which is longer than the question otherwise.
  const query = { _source: 'false', filter_path: 'docs.found,docs.error' };
  const there = await getEach(client, indices, documents, query, signal);
  return documents.map((_, i) => indices.find((_, nth) => there[nth]![i]!.isFound));
}

/** What `_mget` says of every document in every index: by index, then by document. @throws HttpFailure `malformed` */
async function getEach(
  client: ElasticClient,
  indices: readonly string[],
  documents: readonly DocumentName[],
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly (readonly Got[])[]> {
  const names = indices.flatMap((name) => documents.map((document) => documentName(name, document)));
  const { body } = await client.bytes(
    { method: 'POST', path: '/_mget', query, body: Buffer.from(`{"docs":[${names.join(',')}]}`, 'latin1') },
    signal,
  );
  const answers: Got[] = [];
  eachMember(bytesOf(body), (name, value) => {
    if (name === '"docs"') eachElement(value, (raw) => answers.push(gotten(raw, client.name)));
  });
  if (answers.length !== names.length)
    throw new HttpFailure(
      client.name,
      'malformed',
      'body',
      `it answered ${answers.length} of ${counted(names.length, 'document')} that were asked for`,
    );
  return indices.map((_, nth) => answers.slice(nth * documents.length, (nth + 1) * documents.length));
}

function documentName(index: string, { id, routing }: DocumentName): string {
  const routed = routing === undefined ? '' : `,"routing":${jsonString(routing)}`;
  return `{"_index":${jsonString(toBytes(index))},"_id":${jsonString(id)}${routed}}`;
}

/** Of an error of one document; of others it is 503, and passes. */
const statuses: Readonly<Record<string, number>> = {
  index_not_found_exception: 404,
  index_closed_exception: 400,
};

/** What the server says of one document. */
interface Got extends Omit<StoredDocument, 'source'> {
  readonly isFound: boolean;
  readonly source: ByteString | undefined;
}

function gotten(raw: ByteString, server: string): Got {
  let index: string | undefined;
  let routing: ByteString | undefined;
  let source: ByteString | undefined;
  let version = '';
  let seqNo = '';
  let term = '';
  let isFound = false;
  eachMember(raw, (name, value) => {
    if (name === '"_source"') source = value;
    else if (name === '"_index"') index = fromBytes(stringText(value));
    else if (name === '"_routing"') routing = stringText(value);
    else if (name === '"_version"') version = value;
    else if (name === '"_seq_no"') seqNo = value;
    else if (name === '"_primary_term"') term = value;
    else if (name === '"found"') isFound = value === 'true';
    else if (name === '"error"') {
      const { type, reason } = refusalText({
        status: 503,
        body: Buffer.from(`{"error":${value}}`, 'latin1'),
      });
      throw new SearchRefusal(server, statuses[type] ?? 503, type, reason);
    }
  });
  // As a bulk action has it.
  return {
    isFound,
    index,
    routing,
    source,
    version,
    revision: `"if_seq_no":${seqNo},"if_primary_term":${term}`,
  };
}
