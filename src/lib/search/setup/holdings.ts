import type { ElasticClient } from '../elastic/client.js';
import { requireName } from '../elastic/name.js';
import type { Capabilities } from './capabilities.js';
import type { JsonObject, Stored } from './resource.js';
import { pathOf } from './resource.js';

/** An index as it is. */
export interface HeldIndex {
  readonly name: string;
  readonly aliases: Readonly<Record<string, JsonObject>>;
  readonly mappings: JsonObject;
  readonly settings: JsonObject;
  /** That it is behind. */
  readonly data_stream?: string;
}

/** What a name stands for. */
export interface Held {
  readonly is: 'index' | 'alias' | 'data-stream';
  readonly indices: readonly HeldIndex[];
  /** That takes what is written under the name; undefined where an alias has several and none is chosen. */
  readonly writeIndex: HeldIndex | undefined;
}

type Indices = Readonly<Record<string, Omit<HeldIndex, 'name'>>>;

/** Undefined when there is nothing of that name. @throws UserError `NOT_A_NAME` exit 2; as ElasticClient.json */
export async function readNamed(
  client: ElasticClient,
  name: string,
  { dataStreams }: Pick<Capabilities, 'dataStreams'>,
  signal: AbortSignal,
): Promise<Held | undefined> {
  requireName(name);
  const path = `/${encodeURIComponent(name)}`;
  const answer = await client.jsonIfThere<Indices>({ path, exact: true }, signal);
  if (answer === undefined) return undefined;
  const indices = Object.entries(answer).map(([index, held]) => ({ name: index, ...held }));
  const backing = dataStreams ? await backingIndices(client, path, signal) : undefined;
  if (backing !== undefined) {
    // The last one is the one that is written to.
    const last = backing.at(-1);
    return { is: 'data-stream', indices, writeIndex: indices.find((index) => index.name === last) };
  }
  if (name in answer) return { is: 'index', indices, writeIndex: indices[0] };
  const chosen = indices.find(({ aliases }) => aliases[name]?.['is_write_index'] === true);
  return { is: 'alias', indices, writeIndex: chosen ?? (indices.length === 1 ? indices[0] : undefined) };
}

async function backingIndices(
  client: ElasticClient,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  type Streams = { data_streams?: readonly { indices: readonly { index_name: string }[] }[] };
  const { data_streams } = await client.json<Streams>(
    { path: `/_data_stream${path}`, expected: [400, 404, 405] },
    signal,
  );
  return data_streams?.[0]?.indices.map(({ index_name }) => index_name);
}

/** As the server holds it, and for policies of OpenSearch which version of it. */
export interface HeldBody {
  readonly body: JsonObject;
  /** Parameters without which it is not replaced. */
  readonly version: Readonly<Record<string, string>>;
}

/** Undefined when there is none. @throws as ElasticClient.json */
export async function readStored(
  client: ElasticClient,
  { kind, name }: Pick<Stored, 'kind' | 'name'>,
  signal: AbortSignal,
): Promise<HeldBody | undefined> {
  const answer = await client.jsonIfThere<JsonObject>({ path: pathOf({ kind, name }), exact: true }, signal);
  if (answer === undefined) return undefined;
  switch (kind) {
    case 'ilm-policy': {
      const held = answer[name] as { policy: JsonObject };
      return { body: { policy: held.policy }, version: {} };
    }
    case 'ism-policy': {
      const { policy, _seq_no, _primary_term } = answer as { policy: JsonObject } & Record<string, number>;
      return {
        body: { policy },
        version: { if_seq_no: String(_seq_no), if_primary_term: String(_primary_term) },
      };
    }
    case 'component-template':
      return first(answer['component_templates'], 'component_template');
    case 'index-template':
      return first(answer['index_templates'], 'index_template');
  }
}

function first(list: unknown, member: string): HeldBody | undefined {
  const body = (list as readonly Record<string, JsonObject>[] | undefined)?.[0]?.[member];
  return body && { body, version: {} };
}
