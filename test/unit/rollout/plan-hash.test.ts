import fc from 'fast-check';
import { expect, it } from 'vitest';

import { planHash } from '../../../src/lib/rollout/plan-hash.js';
import type { RolloutSpec } from '../../../src/lib/rollout/spec.js';
import { scaled } from '../../scale.js';

const spec: RolloutSpec = {
  app: 'web',
  namespace: 'metering',
  provider: 'istio',
  route: 'web',
  label: 'version',
  versions: {
    stable: { name: 'v1', deployment: 'web-v1', colour: 'blue' },
    canary: { name: 'v2', deployment: 'web-v2', colour: 'green' },
  },
  canary: {
    steps: [10, 50, 100],
    intervalMs: 120_000,
    maxStepDurationMs: 1_800_000,
    gates: { command: ['./check', '--all'], commandTimeoutMs: 60_000, approval: false },
  },
  analysis: {
    prometheus: 'http://u:p@prometheus:9090',
    requests: 'r',
    errors: 'e',
    latency: 'l',
    probe: { url: 'http://{{version}}/', rate: 10, durationMs: 30_000, timeoutMs: 5000 },
    minRequests: 100,
    maxErrorIncrease: 0.01,
    latencyQuantile: 0.95,
    maxLatencyIncrease: 0.25,
    falseAbort: 0.01,
    falsePromotion: 0.05,
    maxInconclusive: 5,
    onInconclusive: 'abort',
  },
  smoke: [
    {
      url: 'http://u:p@preview/ok',
      status: 200,
      bodyContains: 'v2',
      headers: { Host: 'web', Authorization: 'Bearer t' },
      timeoutMs: 5000,
    },
  ],
  probes: [{ url: 'http://live/ok', status: 200, bodyContains: 'v2', headers: {}, timeoutMs: 5000 }],
  nginx: { config: '/etc/nginx/nginx.conf', binary: 'nginx' },
  envoy: { admin: 'http://127.0.0.1:9901' },
};

type Path = readonly (string | number)[];

function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

/** A copy with one leaf replaced. */
function withLeaf(path: Path, replace: (leaf: unknown) => unknown): RolloutSpec {
  const copy = structuredClone(spec);
  const holder = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>(
      (at, key) => at[key] as Record<string, unknown>,
      copy as unknown as Record<string, unknown>,
    );
  holder[path.at(-1)!] = replace(holder[path.at(-1)!]);
  return copy;
}

/** How the same plan is reached, from here or from there. */
const outside = [
  /^(app|namespace|provider|route)$/,
  /^(nginx|envoy)\./,
  /^analysis\.prometheus$/,
  /headers\.Authorization$/,
];
const leaves = leavesOf(spec);
const [others, decisive] = [true, false].map((isOutside) =>
  leaves.filter((path) => outside.some((pattern) => pattern.test(path.join('.'))) === isOutside),
) as [Path[], Path[]];

function otherThan(leaf: unknown, isRequired: boolean): fc.Arbitrary<unknown> {
  const same =
    typeof leaf === 'number'
      ? fc.double({ noNaN: true, noDefaultInfinity: true })
      : typeof leaf === 'boolean'
        ? fc.boolean()
        : fc.string();
  return (isRequired ? same : fc.option(same as fc.Arbitrary<unknown>, { nil: undefined })).filter(
    (value) => !Object.is(value, leaf),
  );
}

it.each(decisive)('changes with %s.%s.%s.%s', (...path) => {
  const at = path.filter((key) => (key as unknown) !== undefined);
  let leaf: unknown;
  withLeaf(at, (found) => (leaf = found));
  fc.assert(
    fc.property(
      otherThan(leaf, at.at(-1) === 'url'),
      (value) => planHash(withLeaf(at, () => value)) !== planHash(spec),
    ),
    { numRuns: scaled(30) },
  );
});

it('does not change with what says only where things are, and who we are there', () => {
  expect(others.length).toBeGreaterThan(6);
  for (const path of others) expect(planHash(withLeaf(path, () => 'other'))).toBe(planHash(spec));
  expect(planHash(withLeaf(['smoke', 0, 'url'], () => 'http://u:other@preview/ok'))).toBe(planHash(spec));
  expect(planHash(withLeaf(['analysis', 'prometheus'], () => undefined))).not.toBe(planHash(spec));
});

it('does not depend on the order of keys', () => {
  const shuffled = (value: unknown, random: () => number): unknown => {
    if (Array.isArray(value)) return value.map((item) => shuffled(item, random));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => ({ key, inner, at: random() }));
    entries.sort((a, b) => a.at - b.at);
    return Object.fromEntries(entries.map(({ key, inner }) => [key, shuffled(inner, random)]));
  };
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
      const random = () => stream.next().value;
      return planHash(shuffled(spec, random) as RolloutSpec) === planHash(spec);
    }),
  );
});

it('is one that other tools can make: SHA-256 of sorted JSON', () => {
  expect(planHash(spec)).toMatch(/^[0-9a-f]{64}$/);
});
