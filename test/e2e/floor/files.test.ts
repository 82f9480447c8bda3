import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { type OwnRedis, ownRedis } from '../../servers/shared.js';
import { shell } from '../run.js';

const rows = '{"id":1}\n{"id":null}\n{"id":3}\n';
const warm = "metrify cache warm --key 'self:{id}'";

let folder: string;
const file = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-one-file-'));
  writeFileSync(file('self.jsonl'), rows);
  linkSync(file('self.jsonl'), file('hard.jsonl'));
  symlinkSync('self.jsonl', file('soft.jsonl'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function contents(): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(file(name), 'utf8')]));
}

needs('redis')('a file that a command writes', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  const keys = () => redisCli(redis.port, ['-n', String(redis.database), 'DBSIZE']);
  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
  });

  it.each([
    ['the input', `${warm} --file self.jsonl --dead-letter self.jsonl`],
    ['the input, by another path', `${warm} --file self.jsonl --dead-letter "$PWD/./self.jsonl"`],
    ['the input, through a symbolic link', `${warm} --file self.jsonl --dead-letter soft.jsonl`],
    ['the input, through a hard link', `${warm} --file hard.jsonl --dead-letter self.jsonl`],
    ['the input, with --dry-run', `${warm} --file self.jsonl --dead-letter self.jsonl --dry-run`],
    ['the input, and it is the metrics file', `${warm} --file self.jsonl --metrics-file self.jsonl`],
    ['the input, and it is the JUnit file', `${warm} --file self.jsonl --junit soft.jsonl`],
    ['the input, and it is the checkpoint', `${warm} --file self.jsonl --resume hard.jsonl`],
    ['standard input', `${warm} --stdin --dead-letter self.jsonl < self.jsonl`],
    ['standard input, by its device', `${warm} --stdin --dead-letter /dev/stdin < self.jsonl`],
    ['standard input, by its descriptor', `${warm} --stdin --metrics-file /proc/self/fd/0 < self.jsonl`],
    ['the input, by a descriptor', `${warm} --file /dev/fd/3 --dead-letter self.jsonl 3< self.jsonl`],
    ['the value that is set', 'metrify cache set self:1 - --metrics-file soft.jsonl < self.jsonl'],
    ['the SQL', `${warm} --sql @self.jsonl --dead-letter self.jsonl`],
    [
      'the access log',
      'metrify cache warm --access-log self.jsonl --url http://127.0.0.1:1 --junit self.jsonl',
    ],
    ['the description of a rollout', 'metrify canary start -f self.jsonl --metrics-file self.jsonl'],
    ['the configuration', 'metrify -c self.jsonl config check --metrics-file self.jsonl'],
    [
      'the configuration of a variable',
      'METRIFY_CONFIG=self.jsonl metrify completion bash --metrics-file soft.jsonl',
    ],
    ['two outputs', `${warm} --file self.jsonl --dead-letter new --metrics-file ./new`],
    [
      'two outputs of a run that can be resumed',
      `${warm} --file self.jsonl --dead-letter new --resume "$PWD/new"`,
    ],
    ['two reports', 'metrify doctor --junit new --metrics-file new'],
    ['standard output too', 'metrify doctor --metrics-file self.jsonl >> self.jsonl'],
  ])('is not %s', async (_, line) => {
    const before = contents();
    const { code, stdout, stderr } = await shell(line, { env, cwd: folder });
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: --[a-z-]+ would overwrite .*, the file of /);
    expect(contents()).toEqual(before);
    expect(await keys()).toBe('0');
  });

  it('is not the configuration that was found, nor a secret of it, nor its authority', async () => {
    writeFileSync(file('secret'), 'hunter2', { mode: 0o600 });
    writeFileSync(file('ca.pem'), 'an authority');
    writeFileSync(
      file('metrify.config.yaml'),
      'environments: { default: { redis: { url: "rediss://127.0.0.1:1", password: { file: secret }, tlsCa: ca.pem } } }',
    );
    const before = contents();
    for (const name of ['metrify.config.yaml', 'secret', 'ca.pem']) {
      const { code, stderr } = await shell(`metrify cache get k --metrics-file ${name}`, { cwd: folder });
      expect(code, stderr).toBe(2);
      expect(stderr).toContain('would overwrite');
      expect(contents()).toEqual(before);
    }
  });

  it('is not the lock', async () => {
    const { code, stderr } = await shell(
      `for folder in /run/lock /tmp; do metrify doctor --lock one-file-$$ --metrics-file $folder/metrify-one-file-$$.lock; codes+=$?; done
       rm -f /run/lock/metrify-one-file-$$.lock /tmp/metrify-one-file-$$.lock; [[ $codes == *2* ]]`,
      { env },
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/--metrics-file.*--lock|--lock.*--metrics-file/);
  });

  it('may be a device, and both outputs may be one log', async () => {
    const { code, stderr } = await shell(
      `${warm} --file self.jsonl --dead-letter dead --metrics-file run.prom > log 2>&1 < /dev/null`,
      { env, cwd: folder },
    );
    expect(code, stderr).toBe(6);
    expect(readFileSync(file('log'), 'utf8')).toContain('they are in dead');
    expect(JSON.parse(readFileSync(file('dead'), 'utf8'))).toMatchObject({ line: 2 });
    await redisCli(redis.port, ['-n', String(redis.database), 'FLUSHDB']);
  });
});

needs('nginx')('a rollout on NGINX', () => {
  it('does not let a report replace the file with the weights, or what is kept beside it', async () => {
    const conf = `split_clients $request_id $version { 10% v2; * v1; }\n`;
    writeFileSync(file('route.conf'), conf);
    execFileSync('touch', [file('.route.conf.metrify.json')]);
    const status = `metrify canary status web --provider nginx --route route.conf`;
    for (const name of ['route.conf', '.route.conf.metrify.json', '.route.conf.metrify.lease']) {
      const { code, stderr } = await shell(`${status} --metrics-file ${name}`, { cwd: folder });
      expect(code, stderr).toBe(2);
      expect(stderr).toContain('the file of the route');
    }
    expect(readFileSync(file('route.conf'), 'utf8')).toBe(conf);
    expect(readdirSync(folder)).not.toContain('.route.conf.metrify.lease');
  });
});
