import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownRedis, type OwnRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';
import { Probe, type Held } from './redis-probe.js';

const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
const text = (held: Map<string, Held>) => new Map([...held].map(([key, { value }]) => [key, value]));

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('warm-options');
});
afterAll(() => folder.remove());

needs('redis')('cache warm, its options', () => {
  let redis: OwnRedis;
  beforeAll(async () => {
    redis = await ownRedis();
  });
  const warm = (file: string, ...more: string[]) =>
    metrify(['cache', 'warm', '--file', file, '--redis-url', redis.url, '--json', ...more]);
  const dump = (pattern: string) => Probe.with(redis.port, redis.database, (probe) => probe.dump(pattern));
  async function put(name: string, content: string): Promise<string> {
    await writeFile(join(folder.path, name), content);
    return join(folder.path, name);
  }

  test('times to live lie within the jitter, and are spread over it', async () => {
    const file = await put('ttl.csv', `id\n${Array.from({ length: 2000 }, (_, i) => i).join('\n')}\n`);
    const started = performance.now();
    await warm(file, '--key', 'ttl:{id}', '--ttl', '1h', '--ttl-jitter', '10%');
    const ttls = [...(await dump('ttl:*')).values()].map(({ ttlMs }) => ttlMs);
    const tookMs = performance.now() - started;
    expect(ttls).toHaveLength(2000);
    const [low, high] = [Math.min(...ttls), Math.max(...ttls)];
    expect(low).toBeGreaterThan(3_240_000 - tookMs - 1000);
    expect(low).toBeLessThan(3_260_000);
    expect(high).toBeLessThanOrEqual(3_960_000);
    expect(high).toBeGreaterThan(3_940_000 - tookMs);
    const mean = ttls.reduce((a, b) => a + b) / ttls.length;
    expect(Math.abs(mean - 3_600_000)).toBeLessThan(30_000 + tookMs);
  });

  test('without --ttl nothing expires; the TTL of a configured level counts', async () => {
    const file = await put('plain.csv', 'id\n1\n');
    await warm(file, '--key', 'forever:{id}');
    expect((await dump('forever:*')).get('forever:1')!.ttlMs).toBe(-1);
    const config = await put(
      'metrify.config.yaml',
      `environments:\n  default:\n    redis: { url: "${redis.url}" }\n    cache:\n      levels:\n        - { name: quick, type: redis, ttl: 5m }\n`,
    );
    const finished = await metrify([
      '-c',
      config,
      'cache',
      'warm',
      '--file',
      file,
      '--key',
      'level:{id}',
      '--to',
      'quick',
      '--json',
    ]);
    expect(finished.code, finished.stderr).toBe(0);
    const { ttlMs } = (await dump('level:*')).get('level:1')!;
    expect(ttlMs).toBeGreaterThan(200_000);
    expect(ttlMs).toBeLessThanOrEqual(300_000);
  });

  test('--nx leaves what is there alone, and does not compare it', async () => {
    const file = await put('nx.csv', 'id,v\n1,new\n2,new\n3,new\n3,again\n');
    await Probe.with(redis.port, redis.database, (probe) => probe.ask('SET', 'nx:2', 'old'));
    for (const verify of ['all', '10']) {
      await Probe.with(redis.port, redis.database, (probe) => probe.ask('DEL', 'nx:1', 'nx:3'));
      const finished = await warm(
        file,
        '--key',
        'nx:{id}',
        '--value',
        'column:v',
        '--nx',
        '--verify',
        verify,
      );
      expect(finished.code, finished.stdout).toBe(0);
      expect(finished.json().result).toMatchObject({ read: 4, written: 2, skipped: 2, failed: 0 });
      expect(finished.json().result.verified).toMatchObject({ mismatched: 0, missing: 0 });
      expect(Object.fromEntries(text(await dump('nx:*')))).toEqual({
        'nx:1': 'new',
        'nx:2': 'old',
        'nx:3': 'new',
      });
    }
  });

  test('the key template: doubled braces, columns with odd names, UTF-8', async () => {
    const file = await put('template.csv', 'meter id,größe\n7,ä\n8,b c\n');
    const finished = await warm(file, '--key', 'é{{{meter id}}}:{größe}{{x}}', '--value', 'column:größe');
    expect(finished.code, finished.stderr).toBe(0);
    expect([...(await dump('*{[78]}*')).keys()].sort()).toEqual([bytes('é{7}:ä{x}'), bytes('é{8}:b c{x}')]);
  });

  test.each([
    ['{nope}', 'nope'],
    ['x:{id}:{}', "'{' without a column"],
    ['x:{id', "'{' without a column"],
    ['x:id}', "'}' too many"],
    ['constant', 'names no column'],
  ])('the template %s is refused before anything is written', async (template, message) => {
    const file = await put('refused.csv', 'id,v\n1,a\n');
    const finished = await warm(file, '--key', template);
    expect(finished.code).toBe(2);
    expect(JSON.parse(finished.stderr).error.message).toContain(message);
    expect(finished.stdout).toBe('');
    expect(await dump('x:*')).toEqual(new Map());
  });

  test.each([
    [['--value', 'column:nope']],
    [['--value', 'xml']],
    [['--verify', '0']],
    [['--verify', 'some']],
    [['--rate', '0']],
    [['--to', 'nowhere']],
  ])('%s is refused before anything is written', async (more) => {
    const file = await put('refused.csv', 'id,v\n1,a\n');
    const finished = await warm(file, '--key', 'refused:{id}', ...more);
    expect(finished.code).toBe(2);
    expect(await dump('refused:*')).toEqual(new Map());
  });

  test('rows without a key or a value, and lines that are none: counted, kept with their line, exit 6', async () => {
    const broken = await put('broken.csv', 'id,v\n1,a\n,b\n3\n4,d,e\n5,\n"6",f\n7,"open\n');
    const deadLetter = join(folder.path, 'dead.jsonl');
    const finished = await warm(
      broken,
      '--key',
      'dl:{id}',
      '--value',
      'column:v',
      '--dead-letter',
      deadLetter,
    );
    expect(finished.code, finished.stderr).toBe(6);
    expect(finished.json()).toMatchObject({
      verdict: 'partial',
      result: { read: 7, written: 2, failed: 5, deadLetter },
    });
    expect(Object.fromEntries(text(await dump('dl:*')))).toEqual({ 'dl:1': 'a', 'dl:6': 'f' });
    const dead = readFileSync(deadLetter, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(dead.map(({ line }) => line).sort()).toEqual([3, 4, 5, 6, 8]);
    expect(dead.find(({ line }) => line === 5)).toMatchObject({ row: '4,d,e' });
    expect(JSON.parse(dead.find(({ line }) => line === 3).row)).toEqual({ id: '', v: 'b' });
    for (const { reason } of dead) expect(reason).not.toBe('');
  });

  test('malformed JSON lines', async () => {
    const lines = [
      '{"id":1}',
      '{"id":2',
      '[3]',
      '',
      '{"id":null}',
      '{"other":5}',
      '{"id":"6"} trailing',
      '{"id":7.10}',
    ];
    const file = await put('broken.jsonl', `${lines.join('\n')}\n`);
    const deadLetter = join(folder.path, 'dead2.jsonl');
    const finished = await warm(file, '--key', 'jl:{id}', '--dead-letter', deadLetter);
    expect(finished.code, finished.stderr).toBe(6);
    expect(finished.json().result).toMatchObject({ read: 7, written: 2, failed: 5 });
    expect(Object.fromEntries(text(await dump('jl:*')))).toEqual({
      'jl:1': '{"id":1}',
      'jl:7.10': '{"id":7.10}',
    });
    const dead = readFileSync(deadLetter, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(dead.map(({ line, row }) => [line, row]).sort()).toEqual(
      [2, 3, 5, 6, 7].map((line) => [line, lines[line - 1]]),
    );
  });

  test('--rate holds, and spreads evenly', async () => {
    const file = await put('rate.csv', `id\n${Array.from({ length: 1500 }, (_, i) => i).join('\n')}\n`);
    const finished = await warm(file, '--key', 'rate:{id}', '--rate', '1000');
    const { durationMs } = finished.json();
    expect(durationMs).toBeGreaterThan(1350);
    // At a tenth of the rate it would be as long.
    expect(durationMs).toBeLessThan(15_000);
    expect((await dump('rate:*')).size).toBe(1500);
  });

  test('--dry-run shows the plan and changes nothing', async () => {
    const file = await put('dry.csv', 'id,v\n,x\n1,a\n');
    const finished = await warm(
      file,
      '--key',
      'dry:{id}',
      '--ttl',
      '1h',
      '--dry-run',
      '--dead-letter',
      join(folder.path, 'dry.dead'),
    );
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json()).toMatchObject({
      command: 'cache.warm',
      verdict: 'planned',
      result: { example: { key: 'dry:1', value: '{"id":"1","v":"a"}' }, columns: ['id', 'v'] },
    });
    expect(await dump('dry:*')).toEqual(new Map());
    expect(() => readFileSync(join(folder.path, 'dry.dead'))).toThrow('ENOENT');
  });

  test('several keys of one row: the last row of a key stays, on every level and in every batch', async () => {
    const count = 9000;
    const file = await put(
      'twice.csv',
      `id,v\n${Array.from({ length: count }, (_, i) => `${i % 3000},${i}`).join('\n')}\n`,
    );
    for (const verify of ['all', '500']) {
      const finished = await warm(file, '--key', 'twice:{id}', '--value', 'column:v', '--verify', verify);
      expect(finished.code, finished.stdout).toBe(0);
      expect(finished.json().result.verified).toMatchObject({ mismatched: 0, missing: 0 });
      const held = await dump('twice:*');
      expect(held.size).toBe(3000);
      for (const [key, { value }] of held) expect(value).toBe(String(6000 + Number(key.slice(6))));
    }
  });
});
