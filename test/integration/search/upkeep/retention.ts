import { beforeAll, expect, test } from 'vitest';

import { systemClock } from '../../../../src/lib/core/clock.js';
import { silentProgress } from '../../../../src/lib/core/progress.js';
import type { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { deleteDocuments, deleteIndex } from '../../../../src/lib/search/retention/delete.js';
import { planRetention } from '../../../../src/lib/search/retention/plan.js';
import type { OwnNames } from './server.js';

const limit = new Date('2025-10-29T10:30:00Z');

/** What `search retention` promises of every engine. */
export function retentionCases(server: () => OwnNames): void {
  const signal = AbortSignal.timeout(600_000);
  let client: ElasticClient;
  let prefix: string;
  let counter = 0;

  beforeAll(() => {
    client = server().client;
    prefix = `${server().prefix}old-`;
  });

  async function index(name: string, times: readonly (string | null)[], aliases: object = {}): Promise<void> {
    const mappings = { properties: { time: { type: 'date' } } };
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

  const plan = (name: string, at = limit, timeField?: string) =>
    planRetention(client, name, at, timeField, signal);
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
      { index: `${name}-2020-01`, reason: `it is the only index of the alias ${name}-only` },
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

  test.each(['tiem', 'name'])('by %s, which is not a date, nothing would ever be too old', async (field) => {
    const name = `${prefix}${counter++}`;
    await index(`${name}-000001`, ['2020-01-01T00:00:00Z'], { [name]: {} });
    const mapping = { properties: { name: { type: 'keyword' } } };
    await client.json({ method: 'PUT', path: `/${name}/_mapping`, body: mapping }, signal);
    expect((await plan(name, limit, 'time')).documents).toMatchObject({ count: 1 });
    await expect(plan(name, limit, field)).rejects.toMatchObject({
      code: 'TIME_FIELD_UNCLEAR',
      exitCode: 2,
    });
  });

  test('a name that there is nothing of is refused', async () => {
    await expect(plan(`${prefix}nothing`)).rejects.toMatchObject({ code: 'INDEX_MISSING', exitCode: 2 });
  });
}
