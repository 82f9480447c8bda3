import { ownDatabase } from '../../../servers/shared.js';
import { metrify } from '../../run.js';
import { cacheVerbs } from './cache-verbs.js';
import type { System } from './system.js';

/** Messages of the protocol's version 3: a type, the length, and what belongs to it. */
const message = (type: string, body = ''): string => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return type + length.toString('latin1') + body;
};

export const postgresReplies = [
  message('Z', 'I'),
  message('C', 'SELECT 1\0'),
  message('D', '\0\u0001\0\0\0\u0001x'),
  message('D', '\0\u0009'),
  message('T', '\0\u0001'),
  message('1'),
  message('2'),
  message('n'),
  message('I'),
  message('E', 'SERROR\0CXX000\0Mno\0\0'),
  message('N', 'SNOTICE\0C00000\0Mno\0\0'),
  message('d', 'x,y\n'),
  message('c'),
  message('R', '\0\0\0\u0005abcd'),
  message('S', 'TimeZone\0Mars\0'),
];

/** The cache level that is a table. */
export const postgres: System = {
  needs: ['postgres'],
  async open(folder, behind) {
    const database = await ownDatabase();
    const url = new URL(database.url);
    const direct = { METRIFY_POSTGRES_URL: database.url };
    // The level makes its table by the first write.
    await metrify(['cache', 'set', 'first', 'x', '--level', 'database'], { env: direct });
    url.port = String(await behind(Number(url.port), postgresReplies));
    return {
      env: { METRIFY_POSTGRES_URL: url.href },
      verbs: await cacheVerbs(folder, {
        level: 'database',
        address: url.href,
        hashes: false,
        idleTimes: false,
        async fill(entries) {
          await database.sql('TRUNCATE metrify_cache');
          await database.sql(
            `INSERT INTO metrify_cache (key, value, expires_at)
             SELECT key, convert_to(value, 'UTF8'), CASE WHEN expires THEN now() + interval '1 hour' END
             FROM jsonb_to_recordset($1) AS entry (key text, value text, expires boolean)`,
            [JSON.stringify(entries)],
          );
        },
        async dump() {
          const rows = await database.sql(
            `SELECT key, convert_from(value, 'UTF8') AS value FROM metrify_cache`,
          );
          return new Map(rows.map(({ key, value }) => [key as string, { value: value as string }]));
        },
      }),
    };
  },
};
