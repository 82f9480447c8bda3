import type { ElasticClient } from '../elastic/client.js';
import { monthEnd, monthOf } from '../age.js';
import type { Capabilities } from './capabilities.js';
import { type Difference, differences } from './compare.js';
import { type Held, type HeldIndex, readNamed, readStored } from './holdings.js';
import { indexChanges } from './index-changes.js';
import { isObject, normalTemplate } from './normal.js';
import {
  type IndexBody,
  type JsonObject,
  kindName,
  type Named,
  pathOf,
  type Stored,
  type Wanted,
} from './resource.js';

export interface SetupRequest {
  readonly method: 'PUT' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

export interface Change {
  /** `index template sensors` */
  readonly what: string;
  readonly action: 'create' | 'update' | 'roll over';
  /** Empty for what is created. */
  readonly differences: readonly Difference[];
  readonly requests: readonly SetupRequest[];
}

/** An index that cannot become what it should be: another one has to take its place. */
export interface Fixed {
  /** Under which its documents are found. */
  readonly name: string;
  readonly index: string;
  readonly differences: readonly Difference[];
}

export interface Plan {
  /** In the order in which they can be made. */
  readonly changes: readonly Change[];
  readonly fixed: readonly Fixed[];
}

/** What separates the server from what it should have. Changes nothing. @throws as ElasticClient.json */
export async function planSetup(
  client: ElasticClient,
  wanted: Wanted,
  capabilities: Capabilities,
  now: Date,
  signal: AbortSignal,
): Promise<Plan> {
  const stored = await Promise.all(wanted.stored.map((one) => storedChange(client, one, signal)));
  const named = await Promise.all(
    wanted.named.map(async (one) =>
      namedChanges(one, await readNamed(client, one.name, capabilities, signal), now),
    ),
  );
  return {
    changes: [...stored, ...named.flatMap(({ changes }) => changes)].filter((change) => change !== undefined),
    fixed: named.flatMap(({ fixed }) => fixed),
  };
}

async function storedChange(
  client: ElasticClient,
  stored: Stored,
  signal: AbortSignal,
): Promise<Change | undefined> {
  const held = await readStored(client, stored, signal);
  const what = `${kindName(stored.kind)} ${stored.name}`;
  const put: SetupRequest = { method: 'PUT', path: pathOf(stored), body: stored.body };
  if (held === undefined) return { what, action: 'create', differences: [], requests: [put] };
  const isTemplate = stored.kind === 'component-template' || stored.kind === 'index-template';
  const found = isTemplate
    ? differences(normalTemplate(held.body), normalTemplate(stored.body))
    : // Servers complete policies with what they do by default.
      differences(held.body, stored.body, { part: true });
  if (found.length === 0) return undefined;
  return { what, action: 'update', differences: found, requests: [{ ...put, query: held.version }] };
}

function namedChanges(named: Named, held: Held | undefined, now: Date): Plan {
  if (held === undefined)
    return {
      changes: [
        {
          what: `${kindName(named.kind)} ${firstIndex(named, now)}`,
          action: 'create',
          differences: [],
          requests: [creation(named, now)],
        },
      ],
      fixed: [],
    };
  const successor = rolledOver(named, held, now);
  const index = held.writeIndex ?? held.indices.at(-1)!;
  // The next index gets everything that is wanted.
  if (successor !== undefined) return { changes: [successor], fixed: [] };
  const { settings, mappings, fixed } = indexChanges(index, named.body);
  const path = `/${encodeURIComponent(index.name)}`;
  const requests: SetupRequest[] = [];
  if (settings.length > 0)
    requests.push({ method: 'PUT', path: `${path}/_settings`, body: settingsOf(settings) });
  if (mappings.length > 0)
    requests.push({
      method: 'PUT',
      path: `${path}/_mapping`,
      body: mappingChange(index, named.body, mappings),
    });
  const aliases = aliasChanges(named, index);
  if (aliases.length > 0)
    requests.push({
      method: 'POST',
      path: '/_aliases',
      body: { actions: aliases.map(({ action }) => action) },
    });
  const found = [...settings, ...mappings, ...aliases.map(({ difference }) => difference)];
  return {
    changes:
      requests.length === 0
        ? []
        : [{ what: `index ${index.name}`, action: 'update', differences: found, requests }],
    fixed: fixed.length === 0 ? [] : [{ name: named.name, index: index.name, differences: fixed }],
  };
}

/** The name of what is created where there is nothing. */
function firstIndex({ kind, name }: Named, now: Date): string {
  if (kind === 'data-stream') return name;
  return `${name}-${kind === 'monthly' ? monthOf(now) : '000001'}`;
}

/** The requests that build all of it where there is nothing. */
export function creations({ stored, named }: Wanted, now: Date): readonly SetupRequest[] {
  return [
    ...stored.map((one): SetupRequest => ({ method: 'PUT', path: pathOf(one), body: one.body })),
    ...named.map((one) => creation(one, now)),
  ];
}

/** The request that creates it where there is nothing. */
function creation(named: Named, now: Date): SetupRequest {
  const { kind, name, body } = named;
  if (kind === 'data-stream')
    return { method: 'PUT', path: `/_data_stream/${encodeURIComponent(name)}`, body: {} };
  const alias = kind === 'monthly' ? { is_write_index: true } : {};
  return {
    method: 'PUT',
    path: `/${encodeURIComponent(firstIndex(named, now))}`,
    body: { ...body, aliases: { ...body.aliases, [name]: alias } },
  };
}

/** The next index of a time series, when the month of the current one is over. */
function rolledOver(named: Named, { is, indices, writeIndex }: Held, now: Date): Change | undefined {
  if (named.kind === 'data-stream' && named.rollsOver && is === 'data-stream' && writeIndex !== undefined) {
    const created = new Date(Number(indexSetting(writeIndex, 'creation_date')));
    if (monthOf(created) >= monthOf(now)) return undefined;
    return {
      what: `data stream ${named.name}`,
      action: 'roll over',
      differences: [],
      requests: [{ method: 'POST', path: `/${encodeURIComponent(named.name)}/_rollover`, body: {} }],
    };
  }
  if (named.kind !== 'monthly' || is !== 'alias') return undefined;
  const current = firstIndex(named, now);
  const last = writeIndex ?? indices.at(-1)!;
  const end = monthEnd(last.name);
  if (last.name === current || end === undefined || end > now) return undefined;
  const { aliases: own, ...body } = named.body;
  const flips = Object.entries({ ...own, ...last.aliases }).flatMap(([alias, definition]) => {
    const more = definition as JsonObject;
    const isWritten = more['is_write_index'] === true || alias === named.name;
    return [
      // An alias is replaced as a whole: its filter and routing have to be said again.
      ...(isWritten && alias in last.aliases
        ? [{ add: { ...more, index: last.name, alias, is_write_index: false } }]
        : []),
      { add: { ...more, index: current, alias, ...(isWritten ? { is_write_index: true } : {}) } },
    ];
  });
  return {
    what: `index ${current}`,
    action: 'roll over',
    differences: [],
    requests: [
      { method: 'PUT', path: `/${encodeURIComponent(current)}`, body: { ...body } },
      { method: 'POST', path: '/_aliases', body: { actions: flips } },
    ],
  };
}

/** Aliases of the body that the index does not have. */
function aliasChanges({ body }: Named, index: HeldIndex) {
  return Object.entries(body.aliases ?? {})
    .filter(([alias]) => !(alias in index.aliases))
    .map(([alias, definition]) => ({
      action: { add: { ...(definition as JsonObject), index: index.name, alias } },
      difference: { path: `aliases.${alias}`, has: undefined, wants: definition },
    }));
}

/** All fields, which an index merges, and of the rest, which it replaces, what differs. */
function mappingChange({ mappings }: HeldIndex, wants: IndexBody, found: readonly Difference[]): JsonObject {
  const { properties, ...roots } = wants.mappings ?? {};
  const changed = Object.entries(roots).filter(([name]) =>
    found.some(({ path }) => `${path}.`.startsWith(`mappings.${name}.`)),
  );
  const merged = changed.map(([name, value]) => [
    name,
    // Others leave notes there.
    name === '_meta' ? { ...(mappings['_meta'] as JsonObject), ...(value as JsonObject) } : value,
  ]);
  return { ...(properties === undefined ? {} : { properties }), ...Object.fromEntries(merged) } as JsonObject;
}

function settingsOf(found: readonly Difference[]): JsonObject {
  return Object.fromEntries(found.map(({ path, wants }) => [path.replace(/^settings\./, ''), wants ?? null]));
}

function indexSetting({ settings }: HeldIndex, name: string): unknown {
  const index = settings['index'];
  return isObject(index) ? index[name] : undefined;
}
