import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterEach, beforeAll, expect, it } from 'vitest';

import { encodeCommand, RedisError, type Reply, RespParser } from '../../../src/lib/clients/redis/resp.js';
import type { ByteString } from '../../../src/lib/core/bytes.js';
import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { type OwnDatabase, ownDatabase, ownRedis, type OwnRedis } from '../../servers/shared.js';
import { confirming } from '../confirm-name.js';
import { type Finished, metrify } from '../run.js';

/** Some errors are met again and again until this time is over. */
const PATIENCE = { METRIFY_CONNECT_TIMEOUT: '10s', METRIFY_REQUEST_TIMEOUT: '300ms' };
/** For what must be answered, though this process, which stands between, stalls. */
const ANSWERED = { METRIFY_REQUEST_TIMEOUT: '20s' };
const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function listen(each: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    each(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** In front of Redis: what `errorTo` returns for a command is answered instead of it. */
function errorsBefore(port: number, errorTo: (command: string[]) => string | undefined): Promise<number> {
  return listen((client) => {
    const upstream = connect(port, '127.0.0.1').on('error', () => {});
    const instead: (string | undefined)[] = [];
    const answers = new RespParser((reply) => {
      const error = instead.shift();
      client.write(error === undefined ? encodeReply(reply) : `-${error}\r\n`, 'latin1');
    });
    const commands = new RespParser((reply) => {
      const command = reply as ByteString[];
      const error = errorTo(command);
      instead.push(error);
      upstream.write(encodeCommand(error === undefined ? command : ['PING']), 'latin1');
    });
    upstream.on('data', (chunk) => answers.feed(chunk)).on('close', () => client.destroy());
    client.on('data', (chunk) => commands.feed(chunk)).on('close', () => upstream.destroy());
  });
}

function encodeReply(reply: Reply): string {
  if (reply instanceof RedisError) return `-${reply.message}\r\n`;
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(encodeReply).join('')}`;
  if (typeof reply === 'number') return `:${reply}\r\n`;
  return reply === null ? '$-1\r\n' : `$${reply.length}\r\n${reply}\r\n`;
}

const redisErrors = [
  'ERR unknown command',
  'ERR no such thing redis://ann:s3cr3t99@h/0',
  'NOPERM this user has no permissions to run it',
  'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk',
  'OOM command not allowed when used memory',
  'WRONGTYPE Operation against a key holding the wrong kind of value',
  'NOAUTH Authentication required.',
  'BUSY Redis is busy running a script',
  'EXECABORT Transaction discarded',
  'NOSCRIPT No matching script',
  'CROSSSLOT Keys in request do not hash to the same slot',
  'X',
];

const verbs: string[][] = [
  ['cache', 'get', 'k'],
  ['cache', 'get', 'k', 'l', '-o', 'json'],
  ['cache', 'set', 'k', 'v', '--ttl', '1m'],
  ['cache', 'delete', 'k'],
  ['cache', 'warm', '--stdin', '--key', 'w:{id}', '--verify', 'all'],
  ['cache', 'warm', '--stdin', '--key', 'w:{id}', '--value', 'hash', '--nx'],
  ['cache', 'inspect'],
  ['cache', 'flush', '--idle', '1d', '--dry-run'],
  ['cache', 'flush', '--pattern', 'w:*', '--confirm'],
  ['cache', 'cluster', 'status'],
  ['cache', 'queue', 'status'],
  ['cache', 'worker', '--until-empty', '--timeout', '20s'],
  ['doctor'],
];

function expectNoBug({ code, stdout, stderr }: Finished, codes: readonly number[], argv: string[]): void {
  expect(codes, `${argv.join(' ')}: ${stdout}${stderr}`).toContain(code);
  expect(stdout + stderr).not.toMatch(/a bug in metrify|\n\s+at |s3cr3t99/);
}

needs('redis', 'postgres')('error replies', () => {
  let redis: OwnRedis;
  let database: OwnDatabase;
  beforeAll(async () => {
    [redis, database] = await Promise.all([ownRedis(), ownDatabase()]);
    await database.sql('CREATE TABLE readings (id bigint PRIMARY KEY)');
  });

  const run = (port: number, argv: string[], env: Record<string, string> = {}) => {
    const url = `redis://127.0.0.1:${port}/${redis.database}`;
    return metrify(
      argv.flatMap((word) => (word === '--confirm' ? confirming('redis', url) : word)),
      {
        env: {
          ...PATIENCE,
          METRIFY_REDIS_URL: url,
          METRIFY_POSTGRES_URL: database.url,
          METRIFY_CACHE_WRITE_BEHIND_DURABILITY: 'memory',
          ...env,
        },
        stdin: '{"id":1}\n{"id":2}\n',
      },
    );
  };

  it.each(redisErrors.slice(0, 3))(
    'of Redis to everything but its greeting are no bug: %s',
    async (error) => {
      const port = await errorsBefore(redis.port, ([word]) =>
        ['PING', 'SELECT', 'INFO'].includes(word!) ? undefined : error,
      );
      for (const argv of verbs) {
        const finished = await run(port, argv, argv[1] === 'get' ? ANSWERED : {});
        // A refused write is one of the rows that failed.
        expectNoBug(finished, [0, 2, 3, 5, 6], argv);
        if (argv[1] === 'get' && !/^(?:WRONGTYPE|NO)/.test(error))
          expect(finished.stderr, argv.join(' ')).toContain('GET');
      }
    },
  );

  it('of Redis at random are no bug', async () => {
    const { random } = replayable('which commands are answered with which error');
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    for (let i = 0; i < 16; i++) {
      const share = random() * 0.6;
      const chosen = new Map<string, string | undefined>();
      const port = await errorsBefore(redis.port, ([word]) => {
        if (!chosen.has(word!)) chosen.set(word!, random() < share ? pick(redisErrors) : undefined);
        return chosen.get(word!);
      });
      const argv = pick(verbs);
      expectNoBug(await run(port, argv), [0, 2, 3, 4, 5, 6, 124], argv);
    }
  });

  it('MISCONF lets keys be read, and names the disk where one is written', async () => {
    const error = 'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk';
    const port = await errorsBefore(redis.port, ([word]) =>
      ['PING', 'SET', 'UNLINK'].includes(word!) ? error : undefined,
    );
    expect(await run(port, ['cache', 'get', 'none'], ANSWERED)).toMatchObject({ code: 3 });
    expect(await run(port, ['cache', 'inspect'], ANSWERED)).toMatchObject({ code: 0 });
    const set = await run(port, ['cache', 'set', 'k', 'v'], ANSWERED);
    expect(set.code).toBe(5);
    expect(set.stderr).toContain('MISCONF');
    expect(set.stderr).not.toContain('maxmemory');
  });

  it('a Sentinel is told from a Redis, and its masters are named', async () => {
    const info =
      'redis_version:7.0.15\r\nredis_mode:sentinel\r\nmaster0:name=main,status=ok,address=10.0.0.9:6379,slaves=1\r\n';
    const port = await listen((socket) => {
      const commands = new RespParser((reply) => {
        const [word, text] = reply as ByteString[];
        if (word === 'INFO') socket.write(`$${info.length}\r\n${info}\r\n`);
        else socket.write(text === undefined ? '+PONG\r\n' : `$${text.length}\r\n${text}\r\n`);
      });
      socket.on('data', (chunk) => commands.feed(chunk));
    });
    const env = { METRIFY_REDIS_URL: `redis://127.0.0.1:${port}` };
    const get = await metrify(['cache', 'get', 'k'], { env });
    expect(get.code).toBe(2);
    expect(get.stderr).toMatch(/is a Sentinel[^]*main is redis:\/\/10\.0\.0\.9:6379/);
    expect((await metrify(['doctor'], { env })).code).toBe(3);
  });

  it('of PostgreSQL are no bug, when the table is another one', async () => {
    await database.sql('CREATE TABLE other (wrong text)');
    const env = { METRIFY_POSTGRES_URL: database.url, METRIFY_CACHE_LEVELS_COLD_TABLE: 'other' };
    for (const argv of verbs.filter(([, verb]) => !['worker', 'queue', 'cluster'].includes(verb!))) {
      const words = argv[0] === 'cache' ? [...argv, '--level', 'database'] : argv;
      const flags = words.map((word) => (word === '--level' && argv[1] === 'warm' ? '--to' : word));
      expectNoBug(await metrify(flags, { env, stdin: '{"id":1}\n' }), [0, 2, 3, 4, 5, 6], flags);
    }
  });
});

const memcachedErrors = ['ERROR', 'SERVER_ERROR out of memory http://ann:s3cr3t99@h'];

it.each(memcachedErrors)(
  'error replies of Memcached to all but its greeting are no bug: %s',
  async (error) => {
    let isGreeted = false;
    const port = await listen((socket) => {
      isGreeted = false;
      let isData = false;
      socket.on('data', (chunk) => {
        for (const line of chunk.toString('latin1').split('\r\n').slice(0, -1)) {
          const isGreeting = line === 'stats' && !isGreeted;
          isGreeted ||= isGreeting;
          if (isGreeting) socket.write('STAT pid 1\r\nSTAT time 1\r\nSTAT uptime 1\r\nEND\r\n');
          else if (!isData) socket.write(`${error}\r\n`);
          isData = !isData && /^(?:ms|set|add) /.test(line);
        }
      });
    });
    const env = { ...PATIENCE, METRIFY_MEMCACHED_SERVERS: `127.0.0.1:${port}` };
    for (const argv of verbs.filter(([, verb]) => !['worker', 'queue', 'cluster'].includes(verb!))) {
      if (argv.includes('hash')) continue;
      const finished = await metrify(argv, { env, stdin: '{"id":1}\n' });
      expectNoBug(finished, [0, 2, 3, 4, 5, 6], argv);
    }
  },
);
