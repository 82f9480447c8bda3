import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { commandTable } from '../../../src/commands/table.js';
import { type Flags, flagName } from '../../../src/runtime/flags.js';
import { commandFlags, globalFlags } from '../../../src/runtime/global-flags.js';
import { loadAll } from '../../../src/runtime/program.js';
import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { ownDatabase, ownRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

let folder: string;
let paths: Record<string, string>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-named-'));
  const at = (name: string) => join(folder, name);
  mkdirSync(at('folder'));
  writeFileSync(at('file'), 'text\n');
  writeFileSync(at('locked'), 'id\n1\n');
  chmodSync(at('locked'), 0);
  symlinkSync('loop', at('loop'));
  paths = {
    'does not exist': at('none/none'),
    'is a folder': at('folder'),
    'is below a file': at('file/none'),
    'is a link in a circle': at('loop'),
    'has too long a name': at('n'.repeat(300)),
    // Root may read everything.
    ...(process.getuid?.() === 0 ? {} : { 'may not be read': at('locked') }),
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What each command with a flag for a file needs besides. */
const others: Record<string, string[]> = {
  'cache warm --file': ['--key', 'k:{id}'],
  'cache warm --sql': ['--key', 'k:{id}'],
  'cache warm --access-log': ['--url', 'http://127.0.0.1:9'],
  'cache warm': ['--stdin', '--key', 'k:{id}'],
};

needs('redis', 'postgres')('a file that a person named', () => {
  it('is a mistake of theirs when it cannot be used, whichever flag names it', async () => {
    const [redis, database] = await Promise.all([ownRedis(), ownDatabase()]);
    const env = { METRIFY_REDIS_URL: redis.url, METRIFY_POSTGRES_URL: database.url };
    const commands = (await loadAll(commandTable)).flatMap(({ path, command }) =>
      command === undefined ? [] : [{ path, command }],
    );
    const seen: string[] = [];
    const all = Object.entries(paths);
    for (const { path, command } of commands) {
      const flags: Flags = { ...commandFlags(command), ...(path === 'doctor' ? globalFlags : {}) };
      for (const [key, flag] of Object.entries(flags)) {
        if (flag.file === undefined) continue;
        const name = flagName(key);
        seen.push(`${path} ${name}`);
        const more = others[`${path} ${name}`] ?? others[path] ?? [];
        // Each flag in two of the ways, and over all flags every one of them.
        for (const i of [seen.length, seen.length + 2]) {
          const [how, file] = all[i % all.length]!;
          // A file that is written whole takes a link's place.
          if (flag.file === 'write' && how === 'is a link in a circle') continue;
          const argv = [...path.split(' '), ...more, name, `${flag.filePrefix ?? ''}${file}`];
          const { code, stdout, stderr } = await metrify(argv, { env, stdin: '{"id":1}\n' });
          const said = `${argv.join(' ')} (${how}): ${stdout}${stderr}`;
          // What is written at the end only, like the metrics, is 5.
          expect([2, 4, 5], said).toContain(code);
          expect(stderr, said).not.toMatch(/a bug in metrify|\n\s+at /);
        }
      }
    }
    expect(seen).toEqual(
      expect.arrayContaining([
        'cache warm --file',
        'cache warm --sql',
        'cache warm --resume',
        'cache warm --dead-letter',
        'cache warm --access-log',
        'canary start --file',
        'doctor --metrics-file',
        'doctor --config',
        'doctor --junit',
      ]),
    );
  });
});

it.each(['redis', 'postgres'])(
  'the authorities to trust for %s can be read, or it is exit 2',
  async (system) => {
    const port = await freePort();
    const url = {
      redis: { METRIFY_REDIS_URL: `rediss://127.0.0.1:${port}` },
      postgres: { METRIFY_POSTGRES_URL: `postgres://u@127.0.0.1:${port}/d?sslmode=verify-full` },
    }[system];
    const damaged = join(folder, 'damaged.pem');
    writeFileSync(damaged, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    for (const file of [...Object.values(paths), join(folder, 'file'), damaged, '/dev/null']) {
      const env = { ...url, [`METRIFY_${system.toUpperCase()}_TLS_CA`]: file };
      const { code, stderr } = await metrify(['cache', 'get', 'k'], { env });
      expect(code, stderr).toBe(2);
      expect(stderr).toContain(file);
      expect(stderr).toContain(`${system}.tlsCa`);
      expect((await metrify(['doctor'], { env })).code).toBe(3);
    }
  },
);

it('a kubeconfig and a secret file that cannot be read are exit 2 with their path', async () => {
  for (const file of Object.values(paths)) {
    const config = join(folder, 'c.yaml');
    writeFileSync(
      config,
      `environments: { default: { redis: { url: "redis://127.0.0.1:1", password: { file: ${file} } } } }`,
    );
    const secret = await metrify(['-c', config, 'cache', 'get', 'k']);
    expect(secret.code, secret.stderr).toBe(2);
    expect(secret.stderr).toContain(file);
    const kube = await metrify(['canary', 'status', 'web', '--provider', 'istio', '--route', 'web'], {
      env: { KUBECONFIG: file },
    });
    expect(kube.code, kube.stderr).toBe(2);
    expect(kube.stderr).not.toContain('a bug');
  }
});
