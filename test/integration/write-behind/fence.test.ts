import { beforeAll, expect, test } from 'vitest';

import { beginFenced, prepareTables, takeFence } from '../../../src/lib/cache/write-behind/fence.js';
import { Fenced } from '../../../src/lib/cache/write-behind/failures.js';
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

  async function using<T>(work: (pg: PostgresClient) => Promise<T>): Promise<T> {
    const pg = await openPostgres({ url: database.url }, timeouts, new AbortController().signal);
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
});
