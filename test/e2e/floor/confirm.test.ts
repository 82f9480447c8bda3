import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, beforeEach, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { ownDatabase, ownMemcached, type OwnRedis, ownRedis } from '../../servers/shared.js';
import { confirming } from '../confirm-name.js';
import { metrify } from '../run.js';
import { type Terminal, terminal } from '../terminal.js';

async function on(
  command: string,
  env: Record<string, string>,
  body: (screen: Terminal) => Promise<void>,
): Promise<void> {
  const screen = await terminal(`${command}; echo "exit $?"`, { env });
  try {
    await body(screen);
  } finally {
    await screen.close();
  }
}

const flush = ['cache', 'flush', '--pattern', 'gone:*'];

needs('redis')('a destructive command', () => {
  let redis: OwnRedis;
  let env: Record<string, string>;
  let name: string;
  const keys = async (): Promise<number> =>
    Number(await redisCli(redis.port, ['-n', String(redis.database), 'DBSIZE']));

  beforeAll(async () => {
    redis = await ownRedis();
    env = { METRIFY_REDIS_URL: redis.url };
    name = confirming('redis', redis.url)[1]!;
  });
  beforeEach(async () => {
    await redisCli(redis.port, [
      '-n',
      String(redis.database),
      'MSET',
      'gone:1',
      'x',
      'gone:2',
      'x',
      'kept',
      'x',
    ]);
  });

  it.each([
    ['no name', []],
    ['another name', ['--confirm', 'production/redis']],
    ['the level without its address', ['--confirm', 'default/redis']],
    ['the name in other letters', (right: string) => ['--confirm', right.replace('d', 'D')]],
    ['another port', (right: string) => ['--confirm', right.replace(/:\d+/, ':1')]],
    ['another database', (right: string) => ['--confirm', `${right}9`]],
    ['an empty name', ['--confirm=']],
  ])('is refused with %s', async (_, given) => {
    const flags = typeof given === 'function' ? given(name) : given;
    const text = await metrify([...flush, ...flags], { env });
    expect(text).toMatchObject({ code: 4, stdout: '' });
    expect(text.stderr).toContain(`--confirm ${name}`);
    const json = await metrify([...flush, ...flags, '--json'], { env });
    expect(json).toMatchObject({ code: 4, stdout: '' });
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { code: 'CONFIRMATION_MISSING', hint: expect.stringContaining(`--confirm ${name}`) },
    });
    expect(await keys()).toBe(3);
  });

  it.each(['--yes', '-y'])('%s is not a flag', async (flag) => {
    const { code, stderr } = await metrify([...flush, flag, '--confirm', name], { env });
    expect(code).toBe(2);
    expect(stderr).toContain(`there is no flag ${flag}`);
    expect(await keys()).toBe(3);
  });

  it('continues with the right name', async () => {
    const { code, json } = await metrify([...flush, '--confirm', name, '--json'], { env });
    expect(code).toBe(0);
    expect(json().result).toMatchObject({ matched: 2, deleted: 2 });
    expect(await keys()).toBe(1);
  });

  it('names its environment, so that a line from staging does nothing here', async () => {
    const file = 'environments: { staging: { redis: { url: "' + redis.url + '" } } }';
    const folder = await mkdtemp(join(tmpdir(), 'metrify-confirm-'));
    const staging = confirming('redis', redis.url, 'staging')[1]!;
    try {
      await writeFile(`${folder}/metrify.config.yaml`, file);
      const wrong = await metrify([...flush, '-e', 'staging', '--confirm', name], { cwd: folder });
      expect(wrong.code).toBe(4);
      expect(wrong.stderr).toContain(`--confirm ${staging}`);
      const right = await metrify([...flush, '-e', 'staging', '--confirm', staging], { cwd: folder });
      expect(right.code, right.stderr).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  needs('tmux')('on a terminal', () => {
    const line = `metrify cache flush --pattern 'gone:*'`;

    it('takes the name when it is typed', () =>
      on(line, env, async (screen) => {
        // How much, before the question.
        await screen.waitFor(/match gone:\* of redis at \S+: 2 of\s3 keys\.\s+Type/);
        await screen.waitFor(`Type '${name}' to continue:`);
        await screen.type(name);
        await screen.press('Enter');
        await screen.waitFor(/^exit 0$/m);
        expect(await keys()).toBe(1);
      }));

    it('refuses another one', () =>
      on(line, env, async (screen) => {
        await screen.waitFor(`Type '${name}' to continue:`);
        await screen.type('yes');
        await screen.press('Enter');
        expect(await screen.waitFor(/^exit 4$/m)).toContain('nothing was changed');
        expect(await keys()).toBe(3);
      }));

    it('takes Ctrl-C and Ctrl-D for a no', async () => {
      await on(line, env, async (screen) => {
        await screen.waitFor('to continue:');
        await screen.press('C-c');
        await screen.waitFor(/^exit 130$/m);
      });
      await on(line, env, async (screen) => {
        await screen.waitFor('to continue:');
        await screen.press('C-d');
        await screen.waitFor(/^exit 4$/m);
      });
      expect(await keys()).toBe(3);
    });

    it('of a large level says about how much', async () => {
      const fill = `for i = 1, 250000 do redis.call('SET', (i % 5 == 0 and 'gone:' or 'kept:') .. i, 'x') end`;
      await redisCli(redis.port, ['-n', String(redis.database), 'EVAL', fill, '0']);
      try {
        await on(line, env, async (screen) => {
          const text = await screen.waitFor(/about [\d,]+ of\s250,00\d\skeys/);
          const about = Number(/about ([\d,]+) of/.exec(text)![1]!.replaceAll(',', ''));
          // 50,000 in truth; of 200,000 that are looked at the standard error is 0.1 %.
          expect(about).toBeGreaterThan(49_000);
          expect(about).toBeLessThan(51_000);
          await screen.press('C-c');
          await screen.waitFor(/^exit 130$/m);
        });
      } finally {
        await redisCli(redis.port, ['-n', String(redis.database), 'FLUSHDB']);
      }
    });

    it('asks nothing with --no-input', () =>
      on(`${line} --no-input`, env, async (screen) => {
        expect(await screen.waitFor(/^exit 4$/m)).not.toContain('to continue:');
        expect(await keys()).toBe(3);
      }));
  });
});

/** Each has its own walk. */
needs(
  'tmux',
  'memcached',
  'postgres',
  'redis',
)('the question says how many keys will go', () => {
  it.each([
    ['memcached', async () => ({ METRIFY_MEMCACHED_SERVERS: (await ownMemcached()).urls.join(',') })],
    ['database', async () => ({ METRIFY_POSTGRES_URL: (await ownDatabase()).url })],
    ['redis', async () => ({ METRIFY_REDIS_URL: (await ownRedis()).url })],
  ] as const)('of %s', async (level, open) => {
    const env = await open();
    const rows = ['id', ...Array.from({ length: 30 }, (_, i) => String(i))].join('\n');
    for (const prefix of ['ask', 'stay']) {
      const warm = ['cache', 'warm', '--stdin', '--key', `${prefix}:{id}`, '--to', level];
      const { code, stderr } = await metrify(warm, {
        env,
        stdin: rows.replaceAll(/^(\d+)$/gm, '{"id":$1}').slice(3),
      });
      expect(code, stderr).toBe(0);
    }
    await on(`metrify cache flush --pattern 'ask:*' --level ${level}`, env, async (screen) => {
      await screen.waitFor(/: 30 of\s\d+ keys\.\s+Type/);
      await screen.press('C-d');
      await screen.waitFor(/^exit 4$/m);
    });
    const left = await metrify(
      ['cache', 'flush', '--pattern', 'ask:*', '--level', level, '--dry-run', '--json'],
      { env },
    );
    expect(left.json().result.matched).toBe(30);
    // Nothing but a pattern that matches nothing.
    const empty = await metrify(['cache', 'flush', '--pattern', '', '--level', level, '--dry-run'], { env });
    expect(empty).toMatchObject({ code: 2, stderr: expect.stringContaining('an empty pattern') as string });
  });
});
