import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'vitest';

import { WriteBehind } from '../../../../src/lib/cache/write-behind/writer.js';
import { openRedis } from '../../../../src/lib/clients/redis/client.js';
import { toBytes } from '../../../../src/lib/core/bytes.js';
import { ownDatabase, ownRedis } from '../../../servers/shared.js';
import { Probe } from '../../cache/redis-probe.js';
import { confirming } from '../../confirm-name.js';
import { metrify } from '../../run.js';
import { postgresReplies } from './postgres.js';
import { redisReplies } from './redis.js';
import type { Errand, Run, System } from './system.js';

const writes = 400;
const tables = { meters: { key: ['id'] } };

/** Write-behind and write-through: Redis and PostgreSQL, each behind a proxy. */
export const queue: System = {
  needs: ['redis', 'postgres'],
  async open(folder, behind) {
    const [redis, database] = await Promise.all([ownRedis(), ownDatabase()]);
    const config = join(folder, 'metrify.config.yaml');
    await writeFile(
      config,
      'environments: { default: { cache: { writeBehind: { durability: memory, tables: { meters: { key: [id] } } } } } }\n',
    );
    const direct = {
      METRIFY_CONFIG: config,
      METRIFY_REDIS_URL: redis.url,
      METRIFY_POSTGRES_URL: database.url,
    };
    const url = new URL(database.url);
    url.port = String(await behind(Number(url.port), postgresReplies));
    const redisUrl = `redis://127.0.0.1:${await behind(redis.port, redisReplies)}/${redis.database}`;
    const probing = <T>(use: (probe: Probe) => Promise<T>) => Probe.with(redis.port, redis.database, use);

    const reset = async () => {
      await probing((probe) => probe.ask('FLUSHDB'));
      await database.sql(
        `DROP SCHEMA public CASCADE; CREATE SCHEMA public;
         CREATE TABLE meters (id int PRIMARY KEY, seq int NOT NULL CHECK (seq < 1000));
         CREATE TABLE audit (at bigserial PRIMARY KEY, id int, seq int);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO audit (id, seq) VALUES (NEW.id, NEW.seq); RETURN NEW; END';
         CREATE TRIGGER note AFTER INSERT OR UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION note()`,
      );
    };
    /** `seq` of each write, ten keys in turn. */
    const enqueue = async (seqs: readonly number[]) => {
      const stop = new AbortController();
      const client = await openRedis(
        { nodes: [redis.url] },
        { connectTimeoutMs: 10_000, requestTimeoutMs: 60_000 },
        stop.signal,
      );
      const writer = await WriteBehind.open(client, { tables, durability: 'memory', signal: stop.signal });
      for (const [i, seq] of seqs.entries())
        await writer.writeBehind(toBytes(`meter:${i % 10}`), undefined, {
          table: 'meters',
          row: { id: i % 10, seq },
        });
      writer.close();
      client.close();
      stop.abort();
    };
    const lengthOf = (kind: string) =>
      probing(async (probe) => {
        const keys = (await probe.ask('KEYS', `*metrify:queue:*}:${kind}`)) as string[];
        const lengths = await probe.askAll(keys.map((key) => ['XLEN', key]));
        return lengths.reduce((sum: number, length) => sum + (length as number), 0);
      });
    const waiting = async () => (await lengthOf('stream')) + (await lengthOf('retry'));
    const audit = async () => {
      const seen = await database.sql('SELECT id, seq FROM audit ORDER BY at');
      return seen.map(({ id, seq }) => ({ id: id as number, seq: seq as number }));
    };
    const work = () => metrify(['cache', 'worker', '--until-empty', '--json'], { env: direct });

    /** Every write is in the table once and in the order of its key, or still waits. */
    const nothingLost = async (run: Run): Promise<void> => {
      const left = await waiting();
      const applied = await audit();
      const once = new Set(applied.map(({ id, seq }) => `${id} ${seq}`));
      expect(once.size).toBe(applied.length);
      for (let id = 0; id < 10; id++) {
        const order = applied.filter((one) => one.id === id).map(({ seq }) => seq);
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
      // What was written and is not yet taken off the queue is found there again, and written no second time.
      expect(applied.length + left).toBeGreaterThanOrEqual(writes);
      expect(applied.length).toBeLessThanOrEqual(writes);
      if (run.end.code === 0) expect([applied.length, left]).toEqual([writes, 0]);
    };
    const queued = Array.from({ length: writes }, (_, i) => Math.floor(i / 10));
    /** The first write of each key is refused, and holds back a second one. */
    const refused = async () => {
      await reset();
      await enqueue([...queued.slice(0, 10).map(() => 5000), ...queued.slice(0, 10).map(() => 1)]);
      expect(await work()).toMatchObject({ code: 6 });
    };
    const setting = (mode: string, check: (run: Run) => Promise<void>) => async (): Promise<Errand> => {
      await reset();
      return {
        args: ['cache', 'set', 'meter:1', '{"id":1,"seq":7}', `--${mode}`, '--table', 'meters'],
        check,
      };
    };

    return {
      env: { METRIFY_CONFIG: config, METRIFY_REDIS_URL: redisUrl, METRIFY_POSTGRES_URL: url.href },
      verbs: {
        'set --write-behind': setting('write-behind', async ({ end, honest }) => {
          const entries = await waiting();
          if (!honest) return;
          expect([0, 5, 124]).toContain(end.code);
          expect(entries).toBeLessThanOrEqual(1);
          if (end.code === 0) expect(entries).toBe(1);
          else if (entries === 1) expect(end.stderr).toMatch(/may|is queued/);
        }),
        'set --write-through': setting('write-through', async ({ end, honest }) => {
          const applied = await audit();
          expect(applied.length).toBeLessThanOrEqual(1);
          if (!honest) return;
          expect([0, 5, 124]).toContain(end.code);
          if (end.code === 0) expect(applied).toEqual([{ id: 1, seq: 7 }]);
          else if (applied.length === 1) expect(end.stderr).toMatch(/may|is written|committed/);
        }),
        'worker --until-empty': async () => {
          await reset();
          await enqueue(queued);
          return {
            args: ['cache', 'worker', '--until-empty', '--lease', '1s', '--batch', '50'],
            async check(run) {
              if (!run.honest) return;
              await nothingLost(run);
              expect([0, 5, 124]).toContain(run.end.code);
              if (run.end.stdout !== '') {
                const { applied, repeated, failed, held } = run.end.json().result;
                expect([failed, held]).toEqual([0, 0]);
                expect(applied).toBeLessThanOrEqual((await audit()).length);
                if (run.end.code === 0) expect(applied + repeated).toBe(writes);
              }
              if (run.end.code === 0) return;
              const again = await run.again();
              expect(again.code, again.stderr).toBe(0);
              await nothingLost({ ...run, end: again });
            },
          };
        },
        'queue status': async () => {
          await reset();
          await enqueue(queued);
          return {
            args: ['cache', 'queue', 'status'],
            async check({ end, honest }) {
              expect(await waiting()).toBe(writes);
              if (!honest) return;
              expect([0, 5, 124]).toContain(end.code);
              if (end.code === 0)
                expect(end.json().result).toMatchObject({ waiting: writes, dead: 0, lost: 0 });
            },
          };
        },
        'queue status of refused writes': async () => {
          await refused();
          return {
            args: ['cache', 'queue', 'status'],
            check({ end, honest }) {
              if (!honest) return Promise.resolve();
              expect([0, 5, 124]).toContain(end.code);
              if (end.code === 0) expect(end.json().result).toMatchObject({ dead: 20, heldKeys: 10 });
              return Promise.resolve();
            },
          };
        },
        'queue retry --all': async () => {
          await refused();
          return {
            args: ['cache', 'queue', 'retry', '--all'],
            async check({ end, honest }) {
              const [dead, again] = [await lengthOf('dead'), await waiting()];
              expect(dead + again).toBe(20);
              if (!honest) return;
              expect([0, 4, 5, 124]).toContain(end.code);
              if (end.code === 0) expect(again).toBe(20);
              if (end.stdout === '') expect(again).toBe(0);
              else {
                const { released, uncertain = 0 } = end.json().result;
                expect(released).toBeLessThanOrEqual(again);
                expect(again).toBeLessThanOrEqual(released + uncertain);
              }
            },
          };
        },
        'queue drop --all': async () => {
          await refused();
          return {
            args: ['cache', 'queue', 'drop', '--all', ...confirming('queue', redisUrl)],
            async check({ end, honest }) {
              const [dead, again] = [await lengthOf('dead'), await waiting()];
              if (!honest) return;
              // Of each key both are aside, or the first is gone and the second waits.
              expect(dead).toBe(20 - 2 * again);
              expect([0, 5, 124]).toContain(end.code);
              if (end.code === 0) expect(again).toBe(10);
              if (end.stdout === '') expect(again).toBe(0);
              else {
                const { dropped, released, uncertain = 0 } = end.json().result;
                expect(dropped).toBe(released);
                expect(dropped).toBeLessThanOrEqual(again);
                expect(2 * again).toBeLessThanOrEqual(2 * dropped + uncertain);
              }
            },
          };
        },
        'warm --sql': async () => {
          await reset();
          await database.sql('INSERT INTO meters SELECT i, i % 1000 FROM generate_series(1, 3000) i');
          return {
            args: ['cache', 'warm', '--sql', 'SELECT * FROM meters', '--key', 'k:{id}', '--to', 'redis'],
            async check({ end, honest }) {
              const held = await probing((probe) => probe.dump());
              for (const [key, { value }] of held) {
                const id = Number(key.slice(2));
                if (honest) expect(JSON.parse(value as string)).toEqual({ id, seq: id % 1000 });
              }
              if (!honest) return;
              expect([0, 5, 124]).toContain(end.code);
              if (end.stdout === '') return expect(held.size).toBe(0);
              const { written, uncertain = 0 } = end.json().result;
              expect(written).toBeLessThanOrEqual(held.size);
              expect(written + uncertain).toBeGreaterThanOrEqual(held.size);
              if (end.code === 0) expect(written).toBe(3000);
            },
          };
        },
        doctor: () =>
          Promise.resolve({
            args: ['doctor'],
            check({ end, honest }) {
              if (honest) expect([0, 3, 124]).toContain(end.code);
              return Promise.resolve();
            },
          }),
      },
    };
  },
};
