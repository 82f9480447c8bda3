import { expect, it } from 'vitest';

import type { StressResult } from '../../../src/ui/load-stress.js';
import { metrify } from '../run.js';
import { knownServer } from './known-server.js';

it('finds what a server of known capacity holds, and that it recovers', async () => {
  const { url } = await knownServer();
  // One request after the other, 10 ms each: 100 a second.
  const args = ['--threshold', 'p95<500ms', '--start', '50', '--within', '40s'];
  const search = async () => {
    const end = await metrify(['load', 'stress', `${url}/queue/10`, ...args, '--json']);
    return end.json<{ result: StressResult }>().result;
  };
  let result = await search();
  const isTooMuch = ({ holds, rate }: StressResult['steps'][number]) => holds === false && rate > 100;
  // A busy machine finds less, and looks no further.
  const isLess = () => !(result.rate! > 40) || !result.steps.some(isTooMuch) || result.recovered === false;
  for (let tries = 0; tries < 4 && isLess(); tries++) result = await search();
  // None finds more than there is.
  expect(result.rate).toBeGreaterThan(40);
  expect(result.rate).toBeLessThan(115);
  expect(result.steps.some(isTooMuch)).toBe(true);
  expect(result.recovered).not.toBe(false);
});

it('is about thresholds', async () => {
  const { code, stderr } = await metrify(['load', 'stress', 'http://127.0.0.1:1/']);
  expect(code).toBe(2);
  expect(stderr).toContain("Give --threshold 'p95<200ms,error_rate<1%'");
});
