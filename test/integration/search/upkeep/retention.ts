import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';

import { systemClock } from '../../../../src/lib/core/clock.js';
import { silentProgress } from '../../../../src/lib/core/progress.js';
import type { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { deleteDocuments, deleteIndex } from '../../../../src/lib/search/retention/delete.js';
import {
  planRetention,
  type RetentionPlan,
  type RetentionRequest,
} from '../../../../src/lib/search/retention/plan.js';
import { replayable } from '../../../random.js';
import type { OwnNames } from './server.js';

const limit = new Date('2025-10-29T10:30:00Z');

/** What `search retention` promises of every engine. */
export function retentionCases(server: () => OwnNames): void {
  const { seed } = replayable('indices that age');
  const signal = AbortSignal.timeout(600_000);
  let client: ElasticClient;
  let prefix: string;
  let counter = 0;

  beforeAll(() => {
    client = server().client;
    prefix = `${server().prefix}old-`;
  });

  type Time = string | readonly string[] | null;
  async function index(name: string, times: readonly Time[], aliases: object = {}): Promise<void> {
    const nested = { type: 'nested', properties: { at: { type: 'date' } } };
    const mappings = { properties: { time: { type: 'date' }, nested } };
    const settings = { 'index.number_of_replicas': 0, 'index.refresh_interval': '-1' };
    await client.json({ method: 'PUT', path: `/${name}`, body: { mappings, settings, aliases } }, signal);
    if (times.length === 0) return;
    const lines = times.flatMap((time, i) => [
      JSON.stringify({ index: { _id: String(i), routing: String(i % 3) } }),
      JSON.stringify(time === null ? {} : { time }),
    ]);
    await client.bytes(
      {
        method: 'POST',
        path: `/${name}/_bulk`,
        contentType: 'application/x-ndjson',
        body: `${lines.join('\n')}\n`,
      },
      signal,
    );
  }

  const noLimits: RetentionRequest = { limits: new Map(), configured: new Map(), timeField: undefined };
  async function plan(name: string, more: Partial<RetentionRequest> = {}): Promise<RetentionPlan> {
    const request = { ...noLimits, limits: new Map([[name, limit]]), ...more };
    const [only] = await planRetention(client, request, signal);
    return only!;
  }
  const names = async (name: string) =>
    Object.keys(await client.json<object>({ path: `/${name}-*/_alias` }, signal)).sort();

  test('of monthly indices only those go whose month and whose newest document are too old', async () => {
    const name = `${prefix}${counter++}`;
    const aliases = { [name]: {} };
    // Its month is over, and a document came in later that is younger than the limit.
    await index(`${name}-2025-07`, ['2025-07-01T00:00:00Z', limit.toISOString()], aliases);
    await index(`${name}-2025-08`, ['2025-08-31T23:59:59.999Z'], aliases);
    await index(`${name}-2025-09`, ['2025-09-01T00:00:00Z', '2025-10-29T10:29:59.999Z'], aliases);
    // All of it is too old, but its month is not over yet at the limit.
    await index(`${name}-2025-10`, ['2025-10-01T00:00:00Z'], aliases);
    await index(`${name}-2025-06`, [], aliases);
    await index(`${name}-2025-11`, ['2020-01-01T00:00:00Z'], { [name]: { is_write_index: true } });

    const { indices, kept, late, documents } = await plan(name);
    expect(indices.map((old) => old.index)).toEqual([
      `${name}-2025-06`,
      `${name}-2025-08`,
      `${name}-2025-09`,
    ]);
    // Of 2025-07, -10 and -11.
    expect({ kept, late, documents }).toEqual({ kept: [], late: 3, documents: undefined });
    for (const old of indices) expect(await deleteIndex(client, old, signal)).toBe(true);
    expect(await names(name)).toEqual([`${name}-2025-07`, `${name}-2025-10`, `${name}-2025-11`]);
    expect((await plan(name)).indices).toEqual([]);
  });

  test('an index that is needed, or whose age is not known, stays, and the reason is said', async () => {
    const name = `${prefix}${counter++}`;
    const old = ['2020-01-15T00:00:00Z'];
    await index(`${name}-2020-01`, old, { [name]: {}, [`${name}-only`]: {} });
    await index(`${name}-2020-02`, old, { [name]: {}, [`${name}-written`]: { is_write_index: true } });
    await index(`${name}-2020-03`, [...old, null], { [name]: {} });
    await index(`${name}-2020-04`, old, { [name]: { is_write_index: true } });
    await index(`${name}-other`, [], { [`${name}-written`]: {} });
    const { indices, kept } = await plan(name);
    expect(indices).toEqual([]);
    expect(kept).toEqual([
      { index: `${name}-2020-01`, reason: `it would be the last index of ${name}-only` },
      { index: `${name}-2020-02`, reason: `what is written to ${name}-written goes there` },
      { index: `${name}-2020-03`, reason: '1 of its documents has no time' },
      { index: `${name}-2020-04`, reason: `what is written to ${name} goes there` },
    ]);
  });

  test('the only index of a month stays', async () => {
    const name = `${prefix}${counter++}`;
    await index(`${name}-2020-01`, ['2020-01-15T00:00:00Z'], { [name]: {} });
    const { indices, kept } = await plan(name);
    expect(indices).toEqual([]);
    expect(kept).toHaveLength(1);
  });

  test('an index that was made again under its name since is not deleted', async () => {
    const name = `${prefix}${counter++}`;
    await index(`${name}-2020-01`, ['2020-01-15T00:00:00Z'], { [name]: {} });
    await index(`${name}-2026-11`, [], { [name]: { is_write_index: true } });
    const [old] = (await plan(name)).indices;
    await client.bytes({ method: 'DELETE', path: `/${name}-2020-01` }, signal);
    await index(`${name}-2020-01`, ['2026-11-01T00:00:00Z'], { [name]: {} });
    expect(await deleteIndex(client, old!, signal)).toBe(false);
    expect(await names(name)).toContain(`${name}-2020-01`);
  });

  test('of a single index the documents go that are too old, but for those that changed meanwhile', async () => {
    const name = `${prefix}${counter++}`;
    const old = Array.from({ length: 2500 }, () => '2025-10-29T10:29:59.999Z');
    await index(`${name}-000001`, [...old, limit.toISOString(), '2026-01-01T00:00:00Z', null], {
      [name]: {},
    });
    const found = await plan(name);
    expect(found.documents).toEqual({ index: `${name}-000001`, count: 2500 });
    let touched = false;
    // Between the search that finds it and the bulk that would delete it, a document gets a new time.
    const meddling = {
      name: client.name,
      bytes: client.bytes.bind(client),
      async json(...request: Parameters<ElasticClient['json']>) {
        const answer = await client.json(...request);
        if (!touched) {
          touched = true;
          const body = JSON.stringify({ time: '2026-11-01T00:00:00Z' });
          const query = { routing: '0' };
          await client.bytes({ method: 'PUT', path: `/${name}/_doc/0`, query, body }, signal);
        }
        return answer;
      },
    } as unknown as ElasticClient;
    let gone = 0;
    const work = { clock: systemClock, signal, progress: silentProgress };
    await deleteDocuments(meddling, found, found.documents!, work, (count) => (gone += count));
    expect(gone).toBe(2499);
    await client.bytes({ method: 'POST', path: `/${name}/_refresh` }, signal);
    expect(await client.json({ path: `/${name}/_count` }, signal)).toMatchObject({ count: 4 });
    expect((await plan(name)).documents).toMatchObject({ count: 0 });
  });

  test('an alias that shows only a part of an index is refused', async () => {
    const name = `${prefix}${counter++}`;
    const parts = {
      [`${name}-filtered`]: { filter: { term: { _id: '0' } } },
      [`${name}-routed`]: { search_routing: '1' },
    };
    const old = ['2020-01-15T00:00:00Z', '2020-01-16T00:00:00Z'];
    await index(`${name}-2020-01`, old, { [name]: {}, ...parts });
    await index(`${name}-2020-02`, old, { [name]: {} });
    await index(`${name}-single`, old, { [`${name}-single-filtered`]: parts[`${name}-filtered`] });
    for (const part of [...Object.keys(parts), `${name}-single-filtered`])
      await expect(plan(part)).rejects.toMatchObject({ code: 'SHOWS_PART', exitCode: 2 });
    // Where it is not the one that was asked for, only its name counts.
    expect(await plan(name)).toMatchObject({
      indices: [{ index: `${name}-2020-02` }],
      kept: [{ index: `${name}-2020-01` }],
    });
  });

  test('every alias keeps an index, and no other index stays', async () => {
    const month = fc.integer({ min: 1, max: 9 });
    const series = fc.uniqueArray(
      fc.record({ month, of: fc.subarray(['a', 'b', 'c']), one: fc.boolean(), other: fc.boolean() }),
      { minLength: 2, maxLength: 4, selector: ({ month: of }) => of },
    );
    await fc.assert(
      fc.asyncProperty(series, async (indices) => {
        const name = `${prefix}${counter++}`;
        const behind = new Map<string, Set<string>>();
        const times = new Map<string, Date>();
        for (const { month: of, one, other, of: more } of indices) {
          const own = `${name}-2025-0${of}`;
          const time = `2025-0${of}-15T00:00:00Z`;
          times.set(own, new Date(time));
          // Without one of the two names an index would not be found.
          const names = [...(one || !other ? ['one'] : []), ...(other ? ['other'] : []), ...more];
          const aliases = names.map((alias) => `${name}-${alias}`);
          for (const alias of aliases) behind.set(alias, (behind.get(alias) ?? new Set()).add(own));
          await index(own, [time], Object.fromEntries(aliases.map((alias) => [alias, {}])));
        }
        const at = new Date('2025-06-10T00:00:00Z');
        const asked = [`${name}-one`, `${name}-other`].filter((alias) => behind.has(alias));
        const plans = await planRetention(
          client,
          { ...noLimits, limits: new Map(asked.map((alias) => [alias, at])) },
          signal,
        );
        const planned = plans.flatMap((one) => one.indices);
        for (const old of planned) expect(await deleteIndex(client, old, signal)).toBe(true);
        const left = new Set(await names(name));
        for (const [own, time] of times) if (time > at) expect(left).toContain(own);
        const last = new Set<string>();
        for (const of of behind.values()) {
          const staying = [...of].filter((own) => left.has(own));
          expect(staying).not.toEqual([]);
          if (staying.length === 1) last.add(staying[0]!);
        }
        for (const own of left) if (times.get(own)! < at) expect(last).toContain(own);
      }),
      {
        seed,
        numRuns: 3,
        examples: [
          [[1, 2, 9].map((of) => ({ month: of, of: of === 9 ? [] : ['a'], one: true, other: false }))],
          [[1, 2].map((of) => ({ month: of, of: ['a'], one: of === 1, other: of === 2 }))],
        ],
      },
    );
  }, 60_000);

  test('an index stays as long as the configuration keeps any of its names', async () => {
    const name = `${prefix}${counter++}`;
    const old = ['2020-01-15T00:00:00Z'];
    await index(`${name}-2020-01`, old, { [name]: {}, [`${name}-long`]: {} });
    await index(`${name}-2020-02`, old, { [name]: {}, [`${name}-short`]: {} });
    await index(`${name}-2026-10`, [], { [name]: {}, [`${name}-long`]: {}, [`${name}-short`]: {} });
    await index(`${name}-single`, old, { [`${name}-long`]: {} });
    const configured = new Map([
      [`${name}-long`, new Date('2020-01-01T00:00:00Z')],
      [`${name}-short`, new Date('2026-01-01T00:00:00Z')],
    ]);
    const { indices, kept } = await plan(name, { configured });
    expect(indices.map((of) => of.index)).toEqual([`${name}-2020-02`]);
    const reason = `the configuration keeps ${name}-long longer`;
    expect(kept).toEqual([{ index: `${name}-2020-01`, reason }]);
    const single = await plan(`${name}-single`, { configured });
    expect(single.kept).toEqual([{ index: `${name}-single`, reason }]);
    expect(single.documents).toMatchObject({ count: 0 });
  });

  test('the newest of the times of a document counts', async () => {
    const name = `${prefix}${counter++}`;
    const [old, older] = ['2025-10-29T10:29:59.999Z', '2020-01-01T00:00:00Z'];
    await index(name, [
      [older, limit.toISOString()],
      [old, older],
      ['2026-01-01T00:00:00Z', old],
    ]);
    const found = await plan(name);
    expect(found.documents).toEqual({ index: name, count: 1 });
    const work = { clock: systemClock, signal, progress: silentProgress };
    await deleteDocuments(client, found, found.documents!, work, () => {});
    await client.bytes({ method: 'POST', path: `/${name}/_refresh` }, signal);
    expect(await client.json({ path: `/${name}/_count` }, signal)).toMatchObject({ count: 2 });
  });

  test('a field that no document has, or only parts of documents, is refused', async () => {
    const name = `${prefix}${counter++}`;
    await index(name, [null, null]);
    await expect(plan(name)).rejects.toMatchObject({ code: 'TIME_FIELD_UNCLEAR', exitCode: 2 });
    await expect(plan(name, { timeField: 'nested.at' })).rejects.toMatchObject({
      code: 'TIME_FIELD_UNCLEAR',
    });
  });

  test.each(['tiem', 'name'])('by %s, which is not a date, nothing would ever be too old', async (field) => {
    const name = `${prefix}${counter++}`;
    await index(`${name}-000001`, ['2020-01-01T00:00:00Z'], { [name]: {} });
    const mapping = { properties: { name: { type: 'keyword' } } };
    await client.json({ method: 'PUT', path: `/${name}/_mapping`, body: mapping }, signal);
    expect((await plan(name, { timeField: 'time' })).documents).toMatchObject({ count: 1 });
    await expect(plan(name, { timeField: field })).rejects.toMatchObject({
      code: 'TIME_FIELD_UNCLEAR',
      exitCode: 2,
    });
  });

  test('a name that there is nothing of is refused', async () => {
    await expect(plan(`${prefix}nothing`)).rejects.toMatchObject({ code: 'INDEX_MISSING', exitCode: 2 });
  });
}
