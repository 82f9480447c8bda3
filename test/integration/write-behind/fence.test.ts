import { beforeAll, expect, onTestFinished, test } from 'vitest';

import { beginFenced, prepareTables, takeFence } from '../../../src/lib/cache/write-behind/fence.js';
import { Fenced, isTransient } from '../../../src/lib/cache/write-behind/failures.js';
import { openPostgres, type PostgresClient } from '../../../src/lib/clients/postgres.js';
import { needs } from '../../servers/needs.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { timeouts } from './setup.js';

needs('postgres')('the fence of a partition', () => {
  let database: OwnDatabase;
  beforeAll(async () => {
    database = await ownDatabase();
    await using(prepareTables);
  });

  async function using<T>(
    work: (pg: PostgresClient) => Promise<T>,
    { url = database.url, requestTimeoutMs = timeouts.requestTimeoutMs } = {},
  ): Promise<T> {
    const signal = new AbortController().signal;
    const pg = await openPostgres({ url }, { ...timeouts, requestTimeoutMs }, signal);
    try {
      return await work(pg);
    } finally {
      await pg.close();
    }
  }
  const applied = () => database.sql('SELECT op_id FROM metrify_queue_applied');

  test('a session that stays in the middle of COPY is ended by the next worker, with what it had not committed', () =>
    using((frozen) =>
      using(async (next) => {
        const taken = await takeFence(frozen, 3, 1);
        if (!('position' in taken)) throw new Error('the fence is new');
        await beginFenced(frozen, 3, 1, { number: 7, id: '7-0' });
        const ids = frozen.copyIn('COPY metrify_queue_applied (op_id) FROM STDIN');
        const broken = new Promise((resolve) => ids.once('error', resolve));
        ids.write('00000000-0000-4000-8000-000000000001\n');
        await expect
          .poll(() => database.sql(`SELECT state FROM pg_stat_activity WHERE query LIKE 'COPY metrify%'`))
          .toEqual([{ state: 'active' }]);

        expect(await takeFence(next, 3, 2)).toEqual({ position: { number: 0, id: '0-0' } });
        expect(await broken).toBeInstanceOf(Error);
        expect(await applied()).toEqual([]);
        await expect(beginFenced(next, 3, 1, { number: 7, id: '7-0' })).rejects.toThrow(Fenced);
      }),
    ));

  test('one that is only slow, and another partition’s, are left alone', () =>
    using((busy) =>
      using(async (next) => {
        await takeFence(busy, 5, 1);
        await takeFence(busy, 6, 1);
        await beginFenced(busy, 6, 1, { number: 1, id: '1-0' });
        expect(await takeFence(next, 5, 2)).toHaveProperty('position');
        const waiting = takeFence(next, 6, 2);
        await busy.query('COMMIT');
        expect(await waiting).toEqual({ position: { number: 1, id: '1-0' } });
        expect((await busy.query('SELECT 1 AS alive')).rows).toEqual([{ alive: 1 }]);
      }),
    ));

  test('a request time-out shorter than the lock’s ends the frozen session all the same', () =>
    using((frozen) =>
      using(
        async (next) => {
          await takeFence(frozen, 7, 1);
          await beginFenced(frozen, 7, 1, { number: 1, id: '1-0' });
          expect(await takeFence(next, 7, 2)).toEqual({ position: { number: 0, id: '0-0' } });
          await expect(frozen.query('COMMIT')).rejects.toThrow();
        },
        { requestTimeoutMs: 500 },
      ),
    ));

  test('the session’s own lock time-out stays, after success and after failure', () =>
    using(async (pg) => {
      const own = async () => (await pg.query('SHOW lock_timeout')).rows;
      await pg.query(`SET lock_timeout = '7s'`);
      expect(await takeFence(pg, 8, 1)).toHaveProperty('position');
      expect(await own()).toEqual([{ lock_timeout: '7s' }]);
      await using(async (migration) => {
        await migration.query('BEGIN; LOCK TABLE metrify_queue_fence');
        await expect(takeFence(pg, 8, 2)).rejects.toMatchObject({ code: '55P03' });
      });
      expect(await own()).toEqual([{ lock_timeout: '7s' }]);
      expect(await takeFence(pg, 8, 3)).toHaveProperty('position');
    }));

  test('another role’s session, which we may not end, is named; with the right it is ended', async () => {
    const [theirs, ours] = ['theirs', 'ours'].map((name) => `${name}_${database.name}`) as [string, string];
    for (const role of [theirs, ours])
      await database.sql(`CREATE ROLE ${role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
    onTestFinished(async () => {
      await database.sql(`DROP OWNED BY ${theirs}, ${ours}; DROP ROLE ${theirs}, ${ours}`);
    });
    const as = (role: string) => ({ url: database.url.replace(/\/\/[^@]*@/, `//${role}@`) });
    await using(
      (frozen) =>
        using(async (next) => {
          await takeFence(frozen, 9, 1);
          await beginFenced(frozen, 9, 1, { number: 1, id: '1-0' });
          const { rows } = await frozen.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
          const refused = await takeFence(next, 9, 2).catch((error: unknown) => error);
          expect((refused as Error).message).toContain(`session ${rows[0]!.pid} of role ${theirs}`);
          expect(refused).toMatchObject({ hint: `GRANT pg_signal_backend TO ${ours}` });
          expect(isTransient(refused)).toBe(true);

          await database.sql(`GRANT pg_signal_backend TO ${ours}`);
          expect(await takeFence(next, 9, 2)).toEqual({ position: { number: 0, id: '0-0' } });
        }, as(ours)),
      as(theirs),
    );
  });
});
