import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { metrify, startMetrify } from '../run.js';
import { terminal } from '../terminal.js';

/** Nobody ever opens its other end: whoever opens it without O_NONBLOCK waits for ever. */
let fifo: string;
let folder: string;
const path = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-fifo-'));
  fifo = path('fifo');
  execFileSync('mkfifo', [fifo]);
  writeFileSync(path('rows.csv'), 'id\n1\n');
  const cluster = `{ server: "https://127.0.0.1:1", certificate-authority: ${fifo} }`;
  writeFileSync(
    path('kubeconfig'),
    `{ apiVersion: v1, kind: Config, current-context: c, clusters: [{ name: c, cluster: ${cluster} }],
       contexts: [{ name: c, context: { cluster: c, user: u } }], users: [{ name: u, user: { token: t } }] }`,
  );
  writeFileSync(
    path('rollout.yaml'),
    '{ app: web, provider: istio, route: web, stable: { name: v1 }, canary: { name: v2 } }',
  );
  writeFileSync(path('secret.yaml'), `environments: { default: { redis: { password: { file: ${fifo} } } } }`);
  mkdirSync(path('upward/below'), { recursive: true });
  execFileSync('mkfifo', [path('upward/metrify.config.yaml')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const warm = ['cache', 'warm', '--key', 'k:{id}'];
const rollout = () => ['canary', 'status', '-f', path('rollout.yaml')];

interface Reading {
  what: string;
  argv: () => string[];
  env?: () => Record<string, string>;
  cwd?: () => string;
}

const readings: Reading[] = [
  { what: '--file', argv: () => [...warm, '--file', fifo] },
  { what: '--sql @FILE', argv: () => [...warm, '--sql', `@${fifo}`] },
  {
    what: '--access-log',
    argv: () => ['cache', 'warm', '--access-log', fifo, '--url', 'http://127.0.0.1:1'],
  },
  { what: '--config', argv: () => ['config', 'show', '--config', fifo] },
  {
    what: 'METRIFY_CONFIG',
    argv: () => ['cache', 'get', 'k'],
    env: () => ({ METRIFY_CONFIG: fifo }),
  },
  {
    what: 'the nearest configuration upward',
    argv: () => ['config', 'check'],
    cwd: () => path('upward/below'),
  },
  { what: 'a secret', argv: () => ['doctor', '--config', path('secret.yaml')] },
  {
    what: "the authority of Redis's TLS",
    argv: () => ['cache', 'get', 'k'],
    env: () => ({ METRIFY_REDIS_URL: 'rediss://127.0.0.1:1', METRIFY_REDIS_TLS_CA: fifo, ...patient }),
  },
  {
    what: "the authority of PostgreSQL's TLS",
    argv: () => [...warm, '--sql', 'select 1 as id'],
    env: () => ({ METRIFY_POSTGRES_URL: 'postgres://127.0.0.1:1/x', METRIFY_POSTGRES_TLS_CA: fifo }),
  },
  { what: 'the description of a rollout', argv: () => ['canary', 'status', '-f', fifo] },
  { what: 'KUBECONFIG', argv: rollout, env: () => ({ KUBECONFIG: fifo }) },
  { what: 'standard input', argv: () => [...warm, '--stdin'] },
  { what: 'a value from standard input', argv: () => ['cache', 'set', 'k', '-'] },
];
const patient = { METRIFY_CONNECT_TIMEOUT: '10m', METRIFY_REQUEST_TIMEOUT: '10m' };

needs('redis')('an input that never answers', () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await ownRedis();
  });

  const start = ({ argv, env, cwd }: Reading, ...flags: string[]) =>
    startMetrify([...argv(), ...flags], {
      env: { METRIFY_REDIS_URL: redis.url, ...env?.() },
      cwd: cwd?.() ?? folder,
    });

  it.concurrent.each(readings)('is left after --timeout: $what', async (reading) => {
    const running = await start(reading, '--timeout', '1s');
    const { code, stderr } = await running.finished;
    expect(code, stderr).toBe(124);
    expect(stderr).toContain('--timeout ran out');
  });

  it.concurrent.each(readings)('is left on the second signal: $what', async (reading) => {
    const running = await start(reading);
    const { finished, child } = running;
    // Before its handlers are there a signal ends it as well, and the test would say nothing.
    await until('it waits', () => child.exitCode !== null || handlesSignals(running.pid));
    running.signal('SIGINT');
    running.signal('SIGTERM');
    expect([130, 143]).toContain((await finished).code);
  });
});

/** SIGHUP is the last of those that the runtime listens to. */
function handlesSignals(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (BigInt(`0x${/SigCgt:\s*(\w+)/.exec(status)![1]}`) & 1n) !== 0n;
}

needs('redis')('an output that is not a regular file', () => {
  let env: Record<string, string>;
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
  });

  it.each(['--resume', '--dead-letter', '--metrics-file', '--junit'])(
    'is refused before anything is written, and stays: %s',
    async (flag) => {
      const argv = [...warm, '--file', path('rows.csv'), flag, fifo];
      const { code, stdout, stderr } = await metrify(argv, { env });
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
      expect(lstatSync(fifo).isFIFO()).toBe(true);
    },
  );

  it('is not replaced by the report of a command that only reads', async () => {
    const { code, stderr } = await metrify(['config', 'show', '--metrics-file', fifo]);
    expect(code).toBe(5);
    expect(stderr).toContain('it is not a regular file');
    expect(lstatSync(fifo).isFIFO()).toBe(true);
  });
});

describe('a kubeconfig that names a pipe', () => {
  it('is refused, because the official client would wait for it and do nothing else', async () => {
    const { code, stderr } = await metrify(rollout(), { env: { KUBECONFIG: path('kubeconfig') } });
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(`${fifo}, which ${path('kubeconfig')} names, is not a file`);
  });
});

needs('redis')('a file system that hangs', () => {
  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['--timeout', 'SIGKILL'],
  ] as const)('does not keep a command that is stopped by %s', async (how, signal) => {
    // One thread of Node's pool waits in `open`, as it would on such a file system, and `process.exit` for it.
    writeFileSync(path('hang.cjs'), `require('node:fs').open(${JSON.stringify(fifo)}, () => {})`);
    const { url } = await ownRedis();
    const env = { METRIFY_REDIS_URL: url, NODE_OPTIONS: `--require ${path('hang.cjs')}` };
    const running = await startMetrify([...warm, '--stdin', ...(how === '--timeout' ? [how, '1s'] : [])], {
      env,
    });
    await until('it waits', () => handlesSignals(running.pid));
    if (how !== '--timeout') running.signal(how);
    const finished = await running.finished;
    expect(finished.signal, finished.stderr).toBe(signal);
    expect(finished.stderr).toMatch(/^error: stopped/);
  });
});

needs('tmux')('one Ctrl-C on a terminal', () => {
  it.each([
    "cache warm --stdin --key 'k:{id}'",
    "cache warm --file /dev/tty --key 'k:{id}'",
    'cache set k -',
  ])('ends what waits for its input: metrify %s', async (words) => {
    const note = path(`pid-${words.replace(/\W+/g, '-')}`);
    const own = `(echo $BASHPID > ${note}; exec "$NODE" "$PROGRAM" ${words}); echo "exit $?"`;
    const screen = await terminal(own, { env: { METRIFY_REDIS_URL: 'redis://127.0.0.1:1' } });
    const listens = () => {
      const pid = existsSync(note) ? Number(readFileSync(note, 'utf8')) : 0;
      // The shell listens to signals as well, before it becomes metrify.
      return (
        pid > 0 && readlinkSync(`/proc/${pid}/exe`) === realpathSync(process.execPath) && handlesSignals(pid)
      );
    };
    try {
      // Nothing on the screen says that it waits: it listens to signals, and soon afterwards to its input.
      await until('it is there', listens);
      await delay(2000);
      await screen.press('C-c');
      await screen.waitFor('stopped by SIGINT');
      await screen.waitFor(/^exit 130$/m);
    } finally {
      await screen.close();
    }
  });
});
