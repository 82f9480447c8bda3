import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { JsonPatchOperation } from '../../../src/lib/clients/kubernetes/resource.js';
import { UserError } from '../../../src/lib/core/errors.js';
import type { Carrier } from '../../../src/lib/rollout/providers/kubernetes/carrier.js';
import { gatewayApiCarrier } from '../../../src/lib/rollout/providers/kubernetes/gateway-api.js';
import { istioCarrier } from '../../../src/lib/rollout/providers/kubernetes/istio.js';
import { nginxIngressCarrier } from '../../../src/lib/rollout/providers/kubernetes/nginx-ingress.js';
import { serviceCarrier } from '../../../src/lib/rollout/providers/kubernetes/service.js';

const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const spec = { route: 'web', label: 'version', versions: { stable: version('v1'), canary: version('v2') } };
const object = (rest: object, annotations?: Record<string, string>) => ({
  metadata: { name: 'web', resourceVersion: '1', ...(annotations && { annotations }) },
  ...rest,
});

/** A patch of ours, applied: adds and replaces of members that have a parent. */
function patched<T>(document: T, operations: readonly JsonPatchOperation[]): T {
  const copy = structuredClone(document);
  for (const { path, value } of operations) {
    const keys = path
      .slice(1)
      .split('/')
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop()!;
    const parent = keys.reduce((inner, key) => (inner as Record<string, unknown>)[key], copy as unknown);
    (parent as Record<string, unknown>)[last] = value;
  }
  return copy;
}

function failure(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('it did not fail');
}

const subset = (name: string, weight?: number) => ({
  destination: { host: 'web.default.svc.cluster.local', subset: name },
  ...(weight === undefined ? {} : { weight }),
});
const host = (name: string, weight?: number) => ({
  destination: { host: name },
  ...(weight === undefined ? {} : { weight }),
});
const virtualService = (...routes: object[][]) =>
  object({ spec: { http: routes.map((route) => ({ route })) } });
const backend = (name: string, weight?: number) => ({
  name,
  port: 80,
  ...(weight === undefined ? {} : { weight }),
});
const httpRoute = (...rules: object[][]) =>
  object({ spec: { rules: rules.map((backendRefs) => ({ backendRefs })) } });

const istio = istioCarrier(spec);
const gateway = gatewayApiCarrier(spec);

describe('weights', () => {
  test('what is written is read, the rest and the sum stay', () => {
    const kinds = fc.constantFrom<
      [Carrier, (n: string, w?: number) => object, (...r: object[][]) => ReturnType<typeof object>, string]
    >(
      [istio, subset, virtualService, 'route'],
      [istio, host, virtualService, 'route'],
      [gateway, backend, httpRoute, 'backendRefs'],
    );
    fc.assert(
      fc.property(
        kinds,
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.nat(50), { maxLength: 3 }),
        fc.boolean(),
        ([carrier, entry, build], start, canary, others, turned) => {
          const pair = [entry('v1', 100 - start), entry('v2', start)];
          const rest = others.map((weight, at) => entry(`other-${at}`, weight));
          const route = [...(turned ? pair.reverse() : pair), ...rest];
          const before = build([entry('v1', 1)], route, rest);
          expect(carrier.weights(before)).toEqual({ stable: 100 - start, canary: start });
          const patch = carrier.patch(before, { stable: 100 - canary, canary });
          expect(patch).toHaveLength(start === canary ? 0 : 2);
          const after = patched(before, patch);
          expect(carrier.weights(after)).toEqual({ stable: 100 - canary, canary });
          expect(patched(after, carrier.patch(after, { stable: 100 - start, canary: start }))).toEqual(
            before,
          );
        },
      ),
    );
  });

  test('every route with both versions is shifted, with what the sum allows', () => {
    const before = virtualService(
      [subset('v1', 100), subset('v2', 0)],
      [subset('v2'), subset('v1', 40), subset('v3', 60)],
    );
    expect(istio.patch(before, { stable: 90, canary: 10 })).toEqual([
      { op: 'add', path: '/spec/http/0/route/0/weight', value: 90 },
      { op: 'add', path: '/spec/http/0/route/1/weight', value: 10 },
      { op: 'add', path: '/spec/http/1/route/1/weight', value: 36 },
      { op: 'add', path: '/spec/http/1/route/0/weight', value: 4 },
    ]);
    const error = failure(() => istio.patch(before, { stable: 99, canary: 1 }));
    expect(error.message).toContain('http[1]');
    expect(error.message).toContain('make 40, in which 1% cannot be written');
    // All or nothing can always be written.
    for (const canary of [0, 100]) istio.patch(before, { stable: 100 - canary, canary });
  });

  test('routes that disagree show the largest share of the canary, and are made equal', () => {
    const edited = virtualService(
      [subset('v1', 100), subset('v2', 0)],
      [subset('v1', 70), subset('v2', 30)],
      [subset('v1', 90), subset('v2', 10)],
    );
    expect(istio.weights(edited)).toEqual({ stable: 70, canary: 30 });
    const aborted = patched(edited, istio.patch(edited, { stable: 100, canary: 0 }));
    expect(istio.weights(aborted)).toEqual({ stable: 100, canary: 0 });
    expect(JSON.stringify(aborted).match(/"weight":\d+/g)).toEqual(
      ['"weight":100', '"weight":0'].concat(['"weight":100', '"weight":0', '"weight":100', '"weight":0']),
    );
  });

  test('a missing weight is 0 for Istio and 1 for the Gateway API', () => {
    expect(istio.weights(virtualService([subset('v1', 100), subset('v2')]))).toEqual({
      stable: 100,
      canary: 0,
    });
    expect(gateway.weights(httpRoute([backend('v1'), backend('v2')]))).toEqual({ stable: 50, canary: 50 });
    expect(failure(() => istio.weights(virtualService([subset('v1'), subset('v2')]))).message).toMatch(
      /weight 0/,
    );
  });

  test('a destination is known by its subset, else by its host', () => {
    const other = { destination: { host: 'v2', subset: 'x' }, weight: 0 };
    expect(failure(() => istio.weights(virtualService([subset('v1', 100), other]))).message).toContain('v2');
    const hosts = virtualService([host('v1.default.svc.cluster.local', 70), host('v2', 30)]);
    expect(istio.weights(hosts)).toEqual({ stable: 70, canary: 30 });
  });

  test.each([
    [
      () => istio.weights(virtualService([subset('x', 1)], [subset('v1', 100)])),
      'Add to spec.http[1].route: { destination: { host: web.default.svc.cluster.local, subset: v2 }, weight: 0 }.',
    ],
    [
      () => istio.weights(virtualService([subset('v2')])),
      'Add to spec.http[0].route: { destination: { host: web.default.svc.cluster.local, subset: v1 }, weight: 100 }.',
    ],
    [
      () => istio.weights(virtualService([host('v1')])),
      'Add to spec.http[0].route: { destination: { host: v2 }, weight: 0 }.',
    ],
    [
      () => gateway.weights(httpRoute([backend('x')], [backend('v1')])),
      'Add to spec.rules[1].backendRefs: { name: v2, port: 80, weight: 0 }.',
    ],
  ])('says what to add %#', (act, hint) => expect(failure(act).hint).toBe(hint));

  test.each([
    [istio, object({})],
    [istio, virtualService([])],
    [gateway, object({ spec: {} })],
    [gateway, httpRoute([{ kind: 'ServiceImport', name: 'v1' }, backend('v2')])],
    [gateway, httpRoute([backend('v1', 0), backend('v2', 0)])],
    [gateway, httpRoute([backend('v1', 1), backend('v1', 1), backend('v2', 0)])],
  ])('an object that is not clear is refused with a next step %#', (carrier, given) => {
    const error = failure(() => carrier.weights(given));
    expect(error.hint).toBeTruthy();
    expect(error.message).toMatch(/web/);
  });

  test('the canary Ingress', () => {
    const carrier = nginxIngressCarrier(spec);
    const name = 'nginx.ingress.kubernetes.io/canary';
    const path = { backend: { service: { name: 'v2' } } };
    const rest = { spec: { rules: [{ http: { paths: [path] } }] } };
    const ingress = (annotations: Record<string, string>) => object(rest, { [name]: 'true', ...annotations });
    expect(carrier.weights(ingress({}))).toEqual({ stable: 100, canary: 0 });
    expect(carrier.weights(ingress({ [`${name}-weight`]: '5', [`${name}-weight-total`]: '20' }))).toEqual({
      stable: 75,
      canary: 25,
    });
    expect(carrier.patch(ingress({}), { stable: 90, canary: 10 })).toEqual([
      { op: 'add', path: '/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight', value: '10' },
    ]);
    expect(
      failure(() => carrier.patch(ingress({ [`${name}-weight-total`]: '20' }), { stable: 99, canary: 1 }))
        .message,
    ).toContain('20');
    expect(failure(() => carrier.weights(object(rest))).hint).toContain('annotation');
    expect(failure(() => carrier.weights(ingress({ [`${name}-weight`]: 'all' }))).message).toContain("'all'");
    expect(failure(() => carrier.weights(object({}, { [name]: 'true' }))).hint).toContain('v2');
  });

  test('the Service picks one version', () => {
    const carrier = serviceCarrier(spec);
    const service = (selector?: Record<string, string>) => object({ spec: { selector } });
    expect(carrier.weights(service({ version: 'v2' }))).toEqual({ stable: 0, canary: 100 });
    expect(carrier.patch(service({ version: 'v1' }), { stable: 0, canary: 100 })).toEqual([
      { op: 'add', path: '/spec/selector/version', value: 'v2' },
    ]);
    expect(carrier.patch(service({ version: 'v1' }), { stable: 100, canary: 0 })).toEqual([]);
    expect(
      failure(() => carrier.patch(service({ version: 'v1' }), { stable: 90, canary: 10 })).hint,
    ).toContain('istio');
    expect(failure(() => carrier.weights(service({ version: 'v9' }))).message).toContain('v9');
    expect(failure(() => carrier.weights(service())).hint).toContain('version: v1');
  });
});
