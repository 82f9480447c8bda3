import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { openFileProvider } from '../../../src/lib/rollout/providers/files/open.js';
import { splitClients } from '../../../src/lib/rollout/providers/files/split-clients.js';
import { sameWeights, type Weights } from '../../../src/lib/rollout/route.js';
import { pair } from './memory.js';
import { scaled } from '../../scale.js';

const { signal } = new AbortController();
const versions = pair();
const weights = (canary: number): Weights => ({ stable: 100 - canary, canary });
let path: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metrify-weights-'));
  path = join(folder, 'split.conf');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Shares in hundredths of a percent. */
const block = (canary: number, stable: number) => {
  const line = (share: number, name: string) => (share === 0 ? `# 0% ${name};` : `${share / 100}% ${name};`);
  return `split_clients "$request_id" $version {\n  ${line(canary, 'v2')}\n  ${line(stable, 'v1')}\n  * other;\n}\n`;
};

async function opened(content: string | Buffer) {
  await writeFile(path, content);
  const spec = {
    provider: 'nginx',
    route: path,
    versions,
    nginx: { config: undefined, binary: 'nginx' },
    envoy: { admin: undefined },
  } as const;
  const { route } = await openFileProvider(spec, { clock: systemClock, requestTimeoutMs: 1000 });
  return { route, view: await route.read(signal) };
}

describe('weights that a file shows', () => {
  it('are those that were written, however coarse it is, and not those a unit away', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 9999 }),
        fc.integer({ min: 0, max: 100 }),
        async (total, wanted) => {
          const written = splitClients(
            path,
            versions,
          )(Buffer.from(block(0, total))).withWeights(weights(wanted));
          const { route, view } = await opened(written);
          expect(route.shows(view, weights(wanted))).toBe(true);

          const canary = Math.round((view.weights.canary * total) / 100);
          for (const drifted of [canary - 1, canary + 1]) {
            if (drifted < 0 || drifted > total) continue;
            const edited = await opened(block(drifted, total - drifted));
            // Two decimals do not tell every unit of the finest apart.
            if (edited.view.weights.canary === view.weights.canary) continue;
            expect(edited.route.shows(edited.view, weights(wanted))).toBe(false);
          }
        },
      ),
      { numRuns: scaled(60) },
    );
  });

  it('tell a canary with nothing from one with the least', async () => {
    const { route, view } = await opened(block(1, 19));
    expect(route.shows(view, weights(1))).toBe(true);
    expect(route.shows(view, weights(0))).toBe(false);
    const none = await opened(block(0, 20));
    expect(none.route.shows(none.view, weights(1))).toBe(false);
  });

  it('are the same only to the last digit elsewhere', () => {
    expect(sameWeights(weights(1), weights((11 * 100) / 1100))).toBe(true);
    expect(sameWeights(weights(1), weights(0.99))).toBe(false);
    expect(sameWeights(weights(0), weights(0.49))).toBe(false);
  });
});
