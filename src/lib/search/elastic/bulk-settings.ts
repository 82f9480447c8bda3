import { withTimeout } from '../../core/abort.js';
import { ServiceConflict } from '../../core/errors.js';
import type { ElasticClient } from './client.js';

/** Settings of an index as they are to be again after a bulk; null where they are the server's defaults. */
export interface UsualSettings {
  /** Of the concrete index. */
  readonly index: string;
  readonly refreshInterval: string | null;
  readonly replicas: string | null;
  /** When the run that changed them began, ISO 8601. */
  readonly since: string;
}

/** In `_meta` of the index's mapping, where every host sees it. */
const noteKey = 'metrify_bulk_settings';

interface Note {
  readonly refresh_interval: string | null;
  readonly number_of_replicas: string | null;
  readonly since: string;
}

/** What a mapping carries for its owners. */
type Meta = Readonly<Record<string, unknown>> & { readonly [noteKey]?: Note };

/**
 * Which indices have settings that a run with `--bulk-settings` has not put back: it is running, or was killed.
 * @param index a name, or several by a pattern
 * @throws as ElasticClient.json
 */
export async function leftBulkSettings(
  client: ElasticClient,
  index: string,
  signal: AbortSignal,
): Promise<readonly UsualSettings[]> {
  const left: UsualSettings[] = [];
  for (const [name, meta] of await metas(client, index, signal)) {
    const usual = usualSettings(name, meta);
    if (usual !== undefined) left.push(usual);
  }
  return left;
}

/** As the `_meta` of an index's mapping notes them; undefined where nothing is to be put back. */
export function usualSettings(index: string, meta: Meta | undefined): UsualSettings | undefined {
  const note = meta?.[noteKey];
  return note && usualOf(index, note);
}

/** Puts the settings back, and forgets what they were. @throws as ElasticClient.json */
export async function restoreSettings(
  client: ElasticClient,
  { index, refreshInterval, replicas }: UsualSettings,
  signal: AbortSignal,
): Promise<void> {
  await change(client, index, { refresh_interval: refreshInterval, number_of_replicas: replicas }, signal);
  const meta = (await metas(client, index, signal)).get(index) ?? {};
  const others = Object.fromEntries(Object.entries(meta).filter(([name]) => name !== noteKey));
  await setMeta(client, index, others, signal);
}

/**
 * Does the work while the index is not refreshed and has no replicas. What the settings were is noted in the index first; where a
 * killed run has left such a note, that one counts.
 * @param notRestored told when the settings stay as they are, beside what the work throws
 * @throws ServiceConflict when the name stands for several indices; as the work; as ElasticClient.json
 */
export async function withBulkSettings<T>(
  client: ElasticClient,
  index: string,
  began: Date,
  signal: AbortSignal,
  work: () => Promise<T>,
  notRestored: (error: unknown) => void,
): Promise<T> {
  const usual = await enter(client, index, began, signal);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await withTimeout(new AbortController().signal, restoreMs, (brief) =>
      restoreSettings(client, usual, brief),
    ).catch(notRestored);
    throw error;
  }
  // Replicas of millions of documents take a busy master its time.
  await restoreSettings(client, usual, signal);
  return result;
}

/** Whoever is stopped has no more time than this. */
const restoreMs = 2500;

async function enter(
  client: ElasticClient,
  index: string,
  began: Date,
  signal: AbortSignal,
): Promise<UsualSettings> {
  const found = [...(await metas(client, index, signal))];
  if (found.length !== 1)
    throw new ServiceConflict(
      `'${index}' stands for ${found.length} indices, and --bulk-settings is for one`,
      {
        code: 'INDEX_UNCLEAR',
        hint: 'Name the one that is written to.',
      },
    );
  const [name, meta] = found[0]!;
  let note = meta[noteKey];
  if (note === undefined) {
    note = { ...(await settingsOf(client, name, signal)), since: began.toISOString() };
    await setMeta(client, name, { ...meta, [noteKey]: note }, signal);
  }
  await change(client, name, { refresh_interval: '-1', number_of_replicas: '0' }, signal);
  return usualOf(name, note);
}

function usualOf(index: string, note: Note): UsualSettings {
  const { refresh_interval: refreshInterval, number_of_replicas: replicas, since } = note;
  return { index, refreshInterval, replicas, since };
}

async function metas(
  client: ElasticClient,
  index: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Meta>> {
  type Mappings = Record<string, { mappings?: { _meta?: Meta } }>;
  const mappings = await client.json<Mappings>(
    { path: `/${encodeURIComponent(index)}/_mapping`, exact: true },
    signal,
  );
  return new Map(Object.entries(mappings).map(([name, { mappings: of }]) => [name, of?._meta ?? {}]));
}

async function settingsOf(client: ElasticClient, index: string, signal: AbortSignal) {
  type Settings = Record<string, { settings?: Record<string, string> }>;
  const answer = await client.json<Settings>(
    {
      path: `/${encodeURIComponent(index)}/_settings/index.refresh_interval,index.number_of_replicas`,
      query: { flat_settings: 'true' },
    },
    signal,
  );
  const settings = answer[index]?.settings ?? {};
  return {
    refresh_interval: settings['index.refresh_interval'] ?? null,
    number_of_replicas: settings['index.number_of_replicas'] ?? null,
  };
}

async function change(
  client: ElasticClient,
  index: string,
  settings: Pick<Note, 'refresh_interval' | 'number_of_replicas'>,
  signal: AbortSignal,
): Promise<void> {
  await client.json(
    { method: 'PUT', path: `/${encodeURIComponent(index)}/_settings`, body: { index: settings } },
    signal,
  );
}

async function setMeta(
  client: ElasticClient,
  index: string,
  meta: object,
  signal: AbortSignal,
): Promise<void> {
  await client.json(
    { method: 'PUT', path: `/${encodeURIComponent(index)}/_mapping`, body: { _meta: meta } },
    signal,
  );
}
