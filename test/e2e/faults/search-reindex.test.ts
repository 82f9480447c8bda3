import { afterAll, beforeAll, expect, test } from 'vitest';

import { Cluster, type Documents } from '../../integration/search/reindex/cluster.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { type Fate, startHttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { startSearchServer, type SearchServer } from '../../servers/search.js';
import { metrify, type Running, startMetrify } from '../run.js';

const count = scaled(4000);

needs('search')('search reindex, killed and continued', () => {
  let server: SearchServer;
  let cluster: Cluster;
  let made = 0;
  beforeAll(async () => {
    server = await startSearchServer('elasticsearch-7');
    cluster = new Cluster(server.url);
  });
  afterAll(() => server?.stop());

  const options = () => ({ env: { METRIFY_ELASTICSEARCH_URL: server.url } });
  const start = (...args: string[]) => startMetrify(['search', 'reindex', ...args], options());

  async function createIndex(documents = count): Promise<{ alias: string; documents: Documents }> {
    const alias = `r${++made}`;
    await cluster.createSeries(alias, { properties: { n: { type: 'long' } } });
    return {
      alias,
      documents: await cluster.fill(alias, documents, (i) => `{"n":${i},"text":"sensor ${i}"}`),
    };
  }

  /** Until so many documents were written to an index, or the run has ended. */
  async function written(index: string, documents: number, { finished }: Running): Promise<void> {
    let isOver = false;
    void finished.then(() => (isOver = true));
    for (let done = 0; done < documents && !isOver;) {
      const { indices } = await cluster.ask('GET', `/${index}/_stats/indexing?ignore_unavailable=true`);
      done = indices?.[index]?.primaries.indexing.index_total ?? 0;
    }
  }

  for (const by of ['server', 'client'])
    test(`a node that is killed while it copies by ${by} loses nothing, and the run continues`, async () => {
      const { alias, documents } = await createIndex();
      const run = await start(alias, '--by', by);
      await written(`${alias}-000002`, count * 0.4, run);
      await server.kill();
      await server.restart();
      expect(Object.keys(await cluster.alias(alias))).toEqual([`${alias}-000001`]);
      const { code, stderr } = await run.finished;
      expect(code, stderr).toBe(0);
      expect(Object.keys(await cluster.alias(alias))).toEqual([`${alias}-000002`]);
      expect(await cluster.documents(alias)).toEqual(documents);
    });

  test('a run that is killed at any moment can be continued', async () => {
    const { random } = replayable('moments of SIGKILL during a reindex');
    const { alias, documents } = await createIndex();
    const isSwapped = async () => !(`${alias}-000001` in (await cluster.alias(alias)));
    for (let kills = 0; kills < scaled(2) && !(await isSwapped()); kills++) {
      const run = await start(alias, ...(kills === 0 ? [] : ['--resume']));
      await new Promise((resolve) => setTimeout(resolve, 500 + random() * 2500));
      run.signal('SIGKILL');
      await run.finished;
    }
    while (!(await isSwapped())) {
      const { code, stderr } = await metrify(['search', 'reindex', alias, '--resume'], options());
      // Killed before it had begun anything, there is nothing to continue.
      const never = stderr.includes('there is no unfinished reindex');
      if (never) await metrify(['search', 'reindex', alias], options());
      else expect(code, stderr).toBe(0);
    }
    expect(Object.keys(await cluster.alias(alias))).toEqual([`${alias}-000002`]);
    expect(await cluster.documents(alias)).toEqual(documents);
    const { code } = await metrify(['search', 'reindex', alias, '--rollback'], options());
    expect(code).toBe(0);
    expect((await cluster.ask('PUT', `/${alias}/_doc/after`, { n: 1 })).result).toBe('created');
  });

  test('writes that a killed run stopped are taken again by the next one', async () => {
    const { alias, documents } = await createIndex(100);
    const old = `${alias}-000001`;
    const isFrozen = async () => {
      const { [old]: found } = await cluster.ask('GET', `/${old}/_settings/index.blocks.write`);
      return found?.settings.index !== undefined;
    };
    const proxy = await startHttpProxy(server.port);
    const throughProxy = { env: { METRIFY_ELASTICSEARCH_URL: proxy.url } };
    const killedInTheFreeze = async () => {
      const swapping = new Promise<void>((resolve) => {
        proxy.fate = ({ url }) => {
          if (!url!.startsWith('/_aliases')) return 'pass';
          resolve();
          return 'hold';
        };
      });
      const run = await startMetrify(['search', 'reindex', alias], throughProxy);
      await swapping;
      run.signal('SIGKILL');
      await run.finished;
      expect(await isFrozen()).toBe(true);
      expect(Object.keys(await cluster.alias(alias))).toEqual([old]);
    };
    try {
      await killedInTheFreeze();
      const abandon = (...confirm: string[]) =>
        metrify(['search', 'reindex', alias, '--abandon', '--no-input', ...confirm], options());
      const unconfirmed = await abandon();
      expect(unconfirmed.code).toBe(4);
      const given = await abandon('--confirm', /--confirm (\S+)/.exec(unconfirmed.stderr)![1]!);
      expect(given.code, given.stderr).toBe(0);
      expect(await isFrozen()).toBe(false);
      expect(await cluster.documents(alias)).toEqual(documents);
      expect(Object.keys(await cluster.ask('GET', `/${alias}*`))).toEqual([old]);

      await killedInTheFreeze();
      const blocks: boolean[] = [];
      proxy.fate = async ({ url }): Promise<Fate> => {
        // Before it is copied on, and when the alias is moved.
        if (/_refresh|_aliases/.test(url!)) blocks.push(await isFrozen());
        return 'pass';
      };
      const resumed = await metrify(['search', 'reindex', alias, '--resume'], throughProxy);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect([blocks[0], blocks.at(-1)]).toEqual([false, true]);
      expect(await cluster.documents(alias)).toEqual(documents);
    } finally {
      await proxy.stop();
    }
  });
});
