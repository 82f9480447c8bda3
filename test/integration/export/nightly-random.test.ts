import pg from 'pg';
import { afterAll, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import { startPostgres, type PostgresServer } from '../../servers/postgres.js';
import { Nights } from './nightly-runs.js';

needs('postgres')('random transactions between random nights', () => {
  const stops: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  test('each version of a row that a night could see was written once, by the first such night', async () => {
    const { random } = replayable('nightly transactions');
    const below = (n: number) => Math.floor(random() * n);
    const server: PostgresServer = await startPostgres({ settings: { max_prepared_transactions: 20 } });
    stops.push(() => server.stop());
    // Each version has its own number, and many are alike otherwise.
    await server.sql(
      'postgres',
      `create sequence versions; create table readings (version int, id int, ts timestamptz);`,
    );
    const sessions = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = new pg.Client({ connectionString: server.url });
        await client.connect();
        stops.push(() => client.end());
        // Of others' rows, none is waited for.
        await client.query(`set lock_timeout = '20ms'`);
        return { client, isOpen: false };
      }),
    );
    const nights = await Nights.open(server.url, 'readings');
    stops.push(() => nights.close());
    const prepared: string[] = [];
    const written: number[] = [];
    for (let step = 0; step < scaled(400); step++) {
      const session = sessions[below(sessions.length)]!;
      const run = async (text: string) => {
        await session.client.query(text).catch((error: { code?: string }) => {
          // Somebody else has the row; the transaction is over.
          if (error.code !== '55P03') throw error;
          return session.client.query('rollback').then(() => (session.isOpen = false));
        });
      };
      const begin = async () => {
        if (!session.isOpen) await run('begin');
        session.isOpen = true;
      };
      const insert = `insert into readings select nextval('versions'), ${below(10)}, now() from generate_series(1, ${1 + below(3)})`;
      const choice = below(11);
      if (choice < 2) {
        await begin();
        await run(insert);
      } else if (choice === 2) await run(insert);
      else if (choice === 3)
        await run(`update readings set version = nextval('versions') where id = ${below(10)}`);
      else if (choice === 4) await run(`delete from readings where id = ${below(10)} and version % 3 = 0`);
      else if (choice === 5) {
        await begin();
        await run('savepoint s');
        if (session.isOpen) await run(insert);
        if (session.isOpen) await run(below(2) ? 'release s' : 'rollback to s');
      } else if (choice === 6 || choice === 7) {
        if (session.isOpen) await run(below(4) ? 'commit' : 'rollback');
        session.isOpen = false;
      } else if (choice === 8 && session.isOpen) {
        const name = `p${step}`;
        await run(`prepare transaction '${name}'`);
        session.isOpen = false;
        prepared.push(name);
      } else if (choice === 9 && prepared.length > 0)
        await server.sql('postgres', `${below(4) ? 'commit' : 'rollback'} prepared '${prepared.pop()!}'`);
      else {
        const { rows, all } = await nights.run();
        written.push(...rows.map(({ version }) => version as number));
        expect(new Set(written).size).toBe(written.length);
        const missed = all
          .map(({ version }) => version as number)
          .filter((version) => !written.includes(version));
        expect(missed).toEqual([]);
        const unseen = rows.filter((row) => !all.some(({ version }) => version === row['version']));
        expect(unseen).toEqual([]);
      }
    }
    expect(written.length).toBeGreaterThan(20);
  });
});
