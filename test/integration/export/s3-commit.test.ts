import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { type Fate, type HttpProxy, startHttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { type S3Server, startS3 } from '../../servers/s3.js';
import { assertWhole, PausedClock, settled, startRun, WaitingClock } from './s3-datasets.js';
import { write } from './write-dataset.js';

const isCompletion = ({ method, url }: IncomingMessage) => method === 'POST' && /[?&]uploadId/.test(url!);
const isWriteOf =
  (name: string) =>
  ({ method, url }: IncomingMessage) =>
    method === 'PUT' && url!.includes(name);
const isRemovalOf =
  (name: string) =>
  ({ method, url }: IncomingMessage) =>
    method === 'DELETE' && url!.includes(name);

const hashes = (texts: Iterable<string>) =>
  [...texts].map((text) => createHash('sha256').update(text).digest('hex')).sort();

needs('lake')('a change of a dataset in S3', () => {
  let s3: S3Server;
  let proxy: HttpProxy;
  let name = '';
  let buckets = 0;
  beforeAll(async () => {
    s3 = await startS3();
    proxy = await startHttpProxy(s3.port);
  }, 120_000);
  afterAll(async () => {
    await proxy?.stop();
    await s3?.stop();
  });
  beforeEach(async () => {
    proxy.fate = () => 'pass';
    name = `lake-${++buckets}`;
    await s3.createBucket(name);
  });

  async function finished(files: Readonly<Record<string, string>>): Promise<void> {
    const run = await startRun(s3, name);
    await write(run.target, files);
    run.bucket.close();
  }

  /** Aborts uploads, as a lifecycle rule does. @returns how many there were, and how many of them were aborted */
  async function lose(isLost: () => boolean): Promise<{ all: number; lost: number }> {
    const { bucket } = await startRun(s3, name);
    const count = { all: 0, lost: 0 };
    for await (const upload of bucket.uploads.list('lake/')) {
      count.all++;
      if (!isLost()) continue;
      await bucket.uploads.abort(upload);
      count.lost++;
    }
    bucket.close();
    return count;
  }

  /** What the next run finds: that it is whole, and the hashes of its files. */
  const found = () =>
    settled(s3, name, async (run, opened) => {
      const manifest = await assertWhole(run, opened);
      return { text: opened.manifest, hashes: (manifest?.files ?? []).map(({ sha256 }) => sha256).sort() };
    });

  const isNoted = async () => (await s3.keys(name)).some((key) => key.includes('/.metrify-commit-'));

  test('of runs that are killed anywhere, and whose uploads are lost, the old dataset or the new one is whole', async () => {
    const { random } = replayable('kills of S3 commits');
    const one = <T>(...choices: readonly T[]) => choices[Math.floor(random() * choices.length)]!;
    let before = await found();
    for (let trial = 0; trial < scaled(6); trial++) {
      const texts = ['k=a', 'k=b', 'k=c', 'k=d'].map((folder) => [folder, `${folder} of ${trial}`] as const);
      const files = Object.fromEntries(texts.filter(() => random() < 0.8));
      // Most goes wrong where the change is noted already, or is half made.
      const [begins, most] = one([() => true, 24], [isWriteOf('.metrify-commit-'), 12], [isCompletion, 8]);
      let left = Math.floor(random() * most);
      const run = await startRun(s3, name, { endpoint: proxy.url });
      let isBegun = false;
      proxy.fate = (request) => {
        isBegun ||= begins(request);
        if (!isBegun || left-- > 0) return 'pass';
        run.kill();
        return 'hold';
      };
      const [ended] = await Promise.allSettled([write(run.target, files)]);
      run.bucket.close();
      const wasNoted = await isNoted();
      const chance = one(0, 0.3, 0.6, 1);
      const { all, lost } = await lose(() => random() < chance);
      const after = await found();
      const isNew = after.text !== before.text;
      if (isNew) expect(after.hashes).toEqual(hashes(Object.values(files)));
      if (ended.status === 'fulfilled' || (wasNoted && lost === 0)) expect(isNew).toBe(true);
      else if (!wasNoted && all > 0) expect(isNew).toBe(false);
      before = after;
    }
  });

  test('files that are replaced stay for as long as was asked', async () => {
    await finished({ 'k=a': 'old a', 'k=b': 'b' });
    const run = await startRun(s3, name);
    const replace = new Set(['k=a']);
    const { superseded } = await write(run.target, { 'k=a': 'new a' }, { replace, keepOldMs: 3_600_000 });
    const { text } = (await run.bucket.get(`lake/${superseded![0]!.path}`))!;
    expect(text).toBe('old a');
    expect((await found()).hashes).toEqual(hashes(['b', 'new a']));
    const manifest = (await run.bucket.get('lake/_manifest.json'))!.text;
    await run.bucket.put(
      'lake/_manifest.json',
      manifest.replace(superseded![0]!.until, '2026-01-01T00:00:00Z'),
    );
    await write(run.target, {}, { replace: new Set() });
    expect((await s3.keys(name)).filter((key) => key.endsWith('.parquet'))).toHaveLength(2);
    run.bucket.close();
  });

  test('uploads that somebody aborts while they are completed: nothing of the change is left', async () => {
    await finished({ 'k=a': 'old a', 'k=b': 'old b', 'k=c': 'old c' });
    const before = await found();
    let completions = 0;
    // moto has its own error (500) for an upload that is gone, AWS has NoSuchUpload.
    proxy.fate = (request) => (isCompletion(request) && ++completions > 1 ? 'deny' : 'pass');
    const run = await startRun(s3, name, { endpoint: proxy.url });
    await expect(write(run.target, { 'k=a': 'new a', 'k=b': 'new b' })).rejects.toMatchObject({
      code: 'UPLOAD_LOST',
      exitCode: 4,
    });
    run.bucket.close();
    expect(completions).toBe(2);
    expect(await found()).toEqual(before);
  });

  test('uploads that are gone before the first one is completed: readers see nothing', async () => {
    await finished({ 'k=a': 'old a' });
    const before = await found();
    let completions = 0;
    proxy.fate = async (request): Promise<Fate> => {
      if (isCompletion(request)) completions++;
      let isFirst = true;
      if (isWriteOf('.metrify-commit-')(request)) await lose(() => isFirst && !(isFirst = false));
      return 'pass';
    };
    const run = await startRun(s3, name, { endpoint: proxy.url });
    await expect(write(run.target, { 'k=a': 'new a', 'k=b': 'new b' })).rejects.toMatchObject({
      code: 'UPLOAD_LOST',
    });
    run.bucket.close();
    expect(completions).toBe(0);
    expect(await found()).toEqual(before);
  });

  test('a note whose answer is lost for good counts: the next run makes the change', async () => {
    await finished({ 'k=a': 'old a', 'k=gone': 'old' });
    const before = await found();
    proxy.fate = (request) => (isWriteOf('.metrify-commit-')(request) ? 'lose' : 'pass');
    const run = await startRun(s3, name, { endpoint: proxy.url });
    await expect(write(run.target, { 'k=a': 'new a', 'k=b': 'new b' })).rejects.toMatchObject({
      exitCode: 5,
    });
    run.bucket.close();
    const paths = (await s3.keys(name)).filter((key) => key.endsWith('.parquet'));
    expect(paths).toHaveLength(2);
    expect(hashes(['old a', 'old'])).toEqual(before.hashes);
    expect((await found()).hashes).toEqual(hashes(['new a', 'new b']));
  });

  const wentOn = { clockSays: 'its clock went on', sleptMs: 60_000, isMade: false };
  const stoodStill = { clockSays: 'its clock stood still', sleptMs: 0, isMade: false };
  test.each([
    { before: 'its note', is: isWriteOf('.metrify-commit-'), ...stoodStill },
    { before: 'a completion', is: isCompletion, ...wentOn },
    { before: 'a completion', is: isCompletion, ...stoodStill },
    { before: 'its manifest', is: isWriteOf('_manifest.json'), ...stoodStill },
    { before: 'the removal of an old file', is: isRemovalOf('.parquet'), ...stoodStill, isMade: true },
    { before: 'the removal of its note', is: isRemovalOf('.metrify-commit-'), ...stoodStill, isMade: true },
  ])(
    'a run that sleeps before $before for longer than its lease lasts changes nothing of the next one: $clockSays',
    async ({ is, sleptMs, isMade }) => {
      await finished({ 'k=a': 'old a', 'k=b': 'old b' });
      const clock = new PausedClock();
      const first = await startRun(s3, name, { endpoint: proxy.url, clock });
      let wake = () => {};
      const asleep = new Promise<void>((resolve) => {
        proxy.fate = (request) => {
          if (!is(request)) return 'pass';
          proxy.fate = () => 'pass';
          resolve();
          // What is completed already is gone: moto answers 500 to that, AWS NoSuchUpload.
          return new Promise((done) => (wake = () => done(is === isCompletion ? 'deny' : 'pass')));
        };
      });
      const firstEnds = Promise.allSettled([write(first.target, { 'k=a': 'first a', 'k=c': 'first c' })]);
      await asleep;

      const second = await startRun(s3, name, { clock: new WaitingClock(), asIfElsewhere: true });
      const manifest = await write(second.target, { 'k=a': 'second a', 'k=d': 'second d' });
      second.bucket.close();
      clock.slept(sleptMs);
      wake();
      const [outcome] = await firstEnds;
      first.bucket.close();
      // The second run may have made the change of the first one before its own.
      expect(outcome).toMatchObject(
        isMade
          ? { status: 'fulfilled' }
          : { status: 'rejected', reason: { code: 'LEASE_LOST', exitCode: 4 } },
      );
      const after = await found();
      expect(after.hashes).toEqual(hashes(['second a', 'second d']));
      expect(after.text).toContain(manifest.run);
    },
  );
});
