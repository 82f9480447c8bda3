import { setTimeout } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { metrifyInProcess } from '../../../e2e/in-process.js';
import type { Finished } from '../../../e2e/run.js';
import { replayable } from '../../../random.js';
import { type HttpProxy, startHttpProxy } from '../../../servers/http-proxy.js';
import { needs } from '../../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../../servers/search.js';
import { createIndex } from '../index-fixture.js';

needs('search')('search reindex of a core of Solr', () => {
  let server: SharedSearch;
  let proxy: HttpProxy;
  beforeAll(async () => {
    server = await searchServer('solr-9');
    proxy = await startHttpProxy(Number(new URL(server.url).port));
  });
  afterEach(() => {
    proxy.fate = () => 'pass';
  });
  afterAll(async () => {
    await proxy?.stop();
    await server?.release();
  });

  const reindex = (...args: string[]): Promise<Finished> =>
    metrifyInProcess(['search', 'reindex', ...args, '-o', 'json'], {
      env: { METRIFY_SOLR_URL: `${proxy.url}/solr` },
    });
  const resultOf = ({ stdout }: Finished) =>
    (JSON.parse(stdout) as { readonly result: Record<string, unknown> }).result;
  const errorOf = ({ stderr }: Finished) =>
    (JSON.parse(stderr.trim().split('\n').at(-1)!) as { readonly error: { readonly code: string } }).error
      .code;

  type Documents = Record<string, number>;
  const update = async (core: string, body: object) => {
    const answer = await fetch(`${server.url}/${core}/update?commitWithin=500`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  };
  const write = (core: string, documents: Documents) =>
    update(
      core,
      Object.entries(documents).map(([id, n]) => ({ id, n })),
    );
  const remove = (core: string, id: string) => update(core, { delete: { id } });
  /** Everything that a core has, by Solr's own answer. */
  const held = async (core: string): Promise<Documents> => {
    await fetch(`${server.url}/${core}/update?commit=true`);
    const answer = await fetch(`${server.url}/${core}/select?q=*:*&rows=100000&fl=id,n`);
    const { response } = (await answer.json()) as { response: { docs: { id: string; n: number }[] } };
    return Object.fromEntries(response.docs.map(({ id, n }) => [id, n]));
  };
  const numbered = (count: number): Documents =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`, i]));
  const filled = async (name: string, documents: Documents) => {
    const core = await createIndex(server, name, { n: 'long' });
    await write(core, documents);
    return core;
  };
  const configset = () => ['--configset', server.configSet];
  const isSwap = (url = '') => url.includes('action=SWAP');

  test('swaps in a core that has everything, also what is written and deleted meanwhile, and swaps back', async () => {
    const { random } = replayable('writes during a reindex of a core');
    const documents = numbered(1000);
    const core = await filled('busy', documents);
    let isOver = false;
    const reindexing = reindex(core, ...configset()).finally(() => (isOver = true));
    for (let n = 10_000; !isOver || n < 10_050; n++) {
      // What is written in the moment before the swap and deleted in the one after it comes back: only old ones are deleted.
      const ids = Object.keys(documents).filter((one) => one.startsWith('d'));
      const id = ids[Math.floor(random() * ids.length)]!;
      const kind = Math.floor(random() * 3);
      if (kind === 0) {
        await remove(core, id);
        delete documents[id];
      } else {
        const written = kind === 1 ? id : `new${n}`;
        await write(core, { [written]: n });
        documents[written] = n;
      }
      await setTimeout(5);
    }
    const done = await reindexing;
    expect(resultOf(done), done.stderr).toMatchObject({
      alias: core,
      destination: `${core}-000002`,
      kept: `${core}-000002`,
      swapped: true,
      rejected: 0,
    });
    expect(await held(core)).toEqual(documents);
    await write(core, { afterwards: 1 });
    const back = await reindex(core, '--rollback');
    expect(back.code, back.stderr).toBe(6);
    expect(resultOf(back)).toMatchObject({ from: `${core}-000002` });
    expect(Number(resultOf(back)['writtenSince'])).toBeGreaterThanOrEqual(1);
    expect(await held(`${core}-000002`)).toEqual({ ...documents, afterwards: 1 });
    expect(await held(core)).not.toHaveProperty('afterwards');
    expect(errorOf(await reindex(core, '--rollback'))).toBe('NOTHING_TO_ROLL_BACK');
  });

  test('brings over what reached the old core up to the swap, under what is newer; a lost answer of the swap is none of a failure', async () => {
    const core = await filled('late', numbered(20));
    proxy.fate = ({ url }) =>
      isSwap(url)
        ? async (body, forward) => {
            await write(core, { late: 1, d1: 101, d2: 102 });
            await remove(core, 'd3');
            await forward(body);
            await write(core, { d2: 202 });
            await remove(core, 'd4');
            return { status: 502, body: 'said by a proxy' };
          }
        : 'pass';
    const done = await reindex(core, ...configset());
    // Of d4 Solr does not tell whether it was deleted.
    expect(resultOf(done), done.stderr).toMatchObject({ swapped: true, mayBeMissing: 1 });
    const { d3: _, d4: __, ...rest } = numbered(20);
    expect(await held(core)).toEqual({ ...rest, late: 1, d1: 101, d2: 202 });
    const back = await reindex(core, '--rollback', '--dry-run');
    expect(back.code, back.stderr).toBe(0);
  });

  test('one that was stopped after the swap is continued', async () => {
    const core = await filled('stopped', numbered(20));
    let isSwapped = false;
    proxy.fate = ({ url = '' }) => {
      if (isSwapped && url.includes('/update')) return 'refuse';
      if (!isSwap(url)) return 'pass';
      isSwapped = true;
      return async (body, forward) => {
        await write(core, { late: 1 });
        return forward(body);
      };
    };
    expect(await reindex(core, ...configset(), '--stall', '1s')).toMatchObject({ code: 5 });
    proxy.fate = () => 'pass';
    expect(await held(core)).toEqual(numbered(20));
    expect(errorOf(await reindex(core))).toBe('REINDEX_UNFINISHED');
    expect(errorOf(await reindex(core, '--abandon'))).toBe('NOTHING_TO_RESUME');
    const done = await reindex(core, '--resume');
    expect(done.code, done.stderr).toBe(0);
    expect(await held(core)).toEqual({ ...numbered(20), late: 1 });
    expect(errorOf(await reindex(core, '--resume'))).toBe('NOTHING_TO_RESUME');
  });

  test('one that was stopped while copying is continued, or given up; nothing of others is touched', async () => {
    const core = await filled('broken', numbered(50));
    const fill = `${core}-000002`;
    proxy.fate = ({ url = '' }) => (url.includes(`${fill}/update?versions`) ? 'refuse' : 'pass');
    expect(await reindex(core, ...configset(), '--stall', '1s')).toMatchObject({ code: 5 });
    proxy.fate = () => 'pass';
    expect(await reindex(core, ...configset())).toMatchObject({ code: 4 });
    const confirm = `default/${fill}@${new URL(proxy.url).host}`;
    const abandoned = await reindex(core, '--abandon', '--confirm', confirm);
    expect(abandoned.code, abandoned.stderr).toBe(0);
    expect((await fetch(`${server.url}/${fill}/select`)).status).toBe(404);

    proxy.fate = ({ url = '' }) => (url.includes(`${fill}/update?versions`) ? 'refuse' : 'pass');
    expect(await reindex(core, ...configset(), '--stall', '1s')).toMatchObject({ code: 5 });
    proxy.fate = () => 'pass';
    const done = await reindex(core, '--resume');
    expect(done.code, done.stderr).toBe(0);
    expect(await held(core)).toEqual(numbered(50));
  });

  test('a core that stands there is filled when it is empty, and left alone when it is not', async () => {
    const core = await filled('made', numbered(10));
    expect(errorOf(await reindex(core))).toBe('CORE_MISSING');
    const next = await createIndex(server, 'made-000002', {});
    await write(next, { foreign: 1 });
    await held(next);
    const planned = await reindex(core, ...configset(), '--dry-run');
    expect(resultOf(planned), planned.stdout).toMatchObject({ destination: `${core}-000003` });
    await remove(next, 'foreign');
    await held(next);
    const done = await reindex(core);
    expect(done.code, done.stderr).toBe(0);
    expect(resultOf(done)).toMatchObject({ destination: next, swapped: true });
    expect(await held(core)).toEqual(numbered(10));
  });

  test('a core of which a field is not stored is not copied', async () => {
    const core = await createIndex(server, 'unstored', {}, [
      { name: 'lost', type: 'text_general', stored: false },
    ]);
    await update(core, [{ id: 'a', lost: 'words' }]);
    await held(core);
    const refused = await reindex(core, ...configset());
    expect(refused.code).toBe(4);
    expect(errorOf(refused)).toBe('SOURCE_INCOMPLETE');
  });
});
