import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as yaml from 'yaml';

import { weightedClusters } from '../../../src/lib/rollout/providers/files/weighted-clusters.js';
import type { Pair } from '../../../src/lib/rollout/spec.js';

const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const pair: Pair = { stable: version('v1'), canary: version('v2') };
const format = weightedClusters(yaml, 'rds.yaml', pair);
const read = (text: string) => format(Buffer.from(text));
const write = (text: string, canary: number) =>
  read(text)
    .withWeights({ stable: 100 - canary, canary })
    .toString();

const file = `# Routes of the web service; ask the platform team.
version_info: "7"   # bumped by hand
resources:
  - "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: web
    virtual_hosts:
      - name: all
        domains: ['*']
        routes:
          - match: { prefix: /api }
            route:
              weighted_clusters:
                clusters:
                  - name: v1
                    weight: 100   # stable
                  # The new one.
                  - { weight: 0, name: "v2", request_headers_to_add: [] }
          - match: {prefix: /other}
            route: {cluster: v1}
          - match: {prefix: /third}
            route: {weighted_clusters: {clusters: [{name: v1, weight: 1}, {name: v9, weight: 99}]}}
          - match: {prefix: /}
            route: {weighted_clusters: {clusters: [{name: v2, weight: 0}, {name: v3, weight: 20}, {name: v1, weight: 80}]}}
`;

/** The file as Envoy reads it: weights by the route's prefix. */
function weightsIn(text: string): Record<string, Record<string, number>> {
  const parsed = yaml.parse(text) as ReturnType<typeof JSON.parse>;
  const routes = parsed.resources[0].virtual_hosts[0].routes as ReturnType<typeof JSON.parse>[];
  return Object.fromEntries(
    routes
      .filter(({ route }) => route.weighted_clusters)
      .map(({ match, route }) => [
        match.prefix,
        Object.fromEntries(
          route.weighted_clusters.clusters.map(({ name, weight }: { name: string; weight: number }) => [
            name,
            weight,
          ]),
        ),
      ]),
  );
}

describe('weighted clusters', () => {
  it('are changed in every route that has both, and nothing else is', () => {
    const text = write(file, 25);
    expect(weightsIn(text)).toEqual({
      '/api': { v1: 75, v2: 25 },
      '/third': { v1: 1, v9: 99 },
      '/': { v2: 20, v3: 20, v1: 60 },
    });
    const changed = file
      .split('\n')
      .flatMap((line, index) => (line === text.split('\n')[index] ? [] : [line.trim()]));
    expect(changed).toHaveLength(3);
    expect(text).toContain('weight: 75   # stable');
    expect(read(text).weights).toEqual({ stable: 75, canary: 25 });
    expect(write(text, 0)).toBe(file);
  });

  it('are multiplied where they are too coarse', () => {
    expect(weightsIn(write(file, 12.5))).toMatchObject({
      '/api': { v1: 875, v2: 125 },
      '/': { v2: 10, v3: 20, v1: 70 },
    });
    expect(weightsIn(write(file, 1))).toMatchObject({
      '/api': { v1: 99, v2: 1 },
      '/': { v2: 8, v3: 200, v1: 792 },
    });
    expect(weightsIn(write(write(file, 12.5), 10))).toMatchObject({ '/api': { v1: 90, v2: 10 } });
  });

  it('keep their form in JSON, in camel case, with a total and behind anchors', () => {
    const json = `\ufeff{"resources":[{"virtualHosts":[{"routes":[{"route":{"weightedClusters":{"totalWeight":100,
      "clusters":[{"name":"v1","weight":"100"},{"name":"v2","weight":0}]}}}]}]}]}`;
    expect(write(json, 30)).toBe(
      json.replace('"weight":"100"', '"weight":70').replace('"weight":0', '"weight":30'),
    );
    const shared = `resources:
- virtual_hosts:
  - routes: &routes
    - route: {weighted_clusters: {clusters: [{name: v1, weight: 100}, {name: v2, weight: 0}]}}
  - routes: *routes
`;
    expect(write(shared, 30)).toBe(shared.replace('100', '70').replace('weight: 0', 'weight: 30'));
  });

  it('that differ from route to route count with the canary\u2019s largest share', () => {
    expect(read(file.replace('weight: 0', 'weight: 50')).weights.canary).toBe(33.33);
  });

  it.each([
    ['resources: []', /no route with weighted_clusters 'v1' and 'v2'/, /name: v2, weight: 0/],
    [file.replaceAll('v2', 'v7'), /do not name 'v2'/, /\{name: v2, weight: 0\}/],
    [file.replace('name: v9', 'name: v1'), /names 'v1' twice/, /Join/],
    [file.replace('weight: 100 ', 'weight: 0 '), /leaves nothing/, /'v1'/],
    [file.replace('weight: 100 ', 'wait: 100 '), /weight is no whole number/, /weight/],
    ['resources: [', /cannot be read as YAML/, undefined],
  ])('are refused: %#', (text, message, hint) => {
    expect(() => read(text)).toThrow(message);
    if (hint)
      expect(() => read(text)).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) }));
  });

  it('are read as they were written, again and again; everything else stays as it was parsed', () => {
    const rest = (text: string) => JSON.stringify(yaml.parse(text)).replace(/"weight":\d+/g, '"weight":0');
    const third = fc.constantFrom('', ', {name: v3, weight: 20}', ', {weight: 1, name: v3}');
    const cluster = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 300 }), third);
    const steps = fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(cluster, { minLength: 1, maxLength: 4 }), steps, (clusters, percents) => {
        const lines = clusters.map(
          ([v1, v2, more]) =>
            `    - route: {weighted_clusters: {clusters: [{name: v2, weight: ${v2}}, {name: v1, weight: ${v1}}${more}]}} # ö`,
        );
        let text = `resources:\n- virtual_hosts:\n  - routes:\n${lines.join('\n')}\n`;
        for (const percent of percents) {
          const before = text;
          text = write(text, percent / 100);
          expect(read(text).weights.canary).toBeCloseTo(percent / 100, 6);
          expect(rest(text)).toBe(rest(before));
          expect(text.split('#').length).toBe(before.split('#').length);
        }
      }),
    );
  });
});
