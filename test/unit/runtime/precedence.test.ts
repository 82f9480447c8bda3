import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sections } from '../../../src/commands/sections.js';
import { Catalog } from '../../../src/runtime/config/catalog.js';
import { type Place, precedence } from '../../../src/runtime/config/precedence.js';

const places: readonly Place[] = ['flag', 'variable', 'file'];
const catalog = new Catalog(sections);
const withCredentials = catalog.systems.filter(({ others }) => others.length > 0);

/** Which settings of one system each place gives. */
interface Case {
  system: (typeof catalog.systems)[number];
  chosen: boolean;
  given: Record<Place, string[]>;
}

const cases: fc.Arbitrary<Case> = fc.constantFrom(...withCredentials).chain((system) => {
  const some = fc.subarray([system.address, ...system.others]);
  return fc.record({
    system: fc.constant(system),
    chosen: fc.boolean(),
    given: fc.record({ flag: some, variable: some, file: some }),
  });
});

function decide({ chosen, given }: Pick<Case, 'chosen' | 'given'>) {
  const written: Record<string, Record<string, unknown>> = {};
  for (const path of given.file) {
    const [section, key] = path.split('.') as [string, string];
    (written[section] ??= {})[key] = 'file';
  }
  const decided = precedence(
    {
      overrides: Object.fromEntries(given.flag.map((path) => [path, 'flag'])),
      variables: new Map(given.variable.map((path) => [path, 'variable'])),
      written,
      environment: 'staging',
      chosen,
    },
    catalog.systems,
  );
  const winner = (path: string): Place | undefined =>
    decided.placesOf(path).find((place) => given[place].includes(path));
  return { ...decided, winner };
}

describe('whatever a flag, the variables and the file say of a system', () => {
  it('the address is that of the strongest place that names one', () => {
    fc.assert(
      fc.property(cases, ({ system: { address }, ...one }) => {
        const order: Place[] = one.chosen
          ? [
              'flag',
              ...(one.given.variable.length > 0 ? (['file'] as const) : (['file', 'variable'] as const)),
            ]
          : ['flag', 'variable', 'file'];
        expect(decide(one).winner(address)).toBe(order.find((place) => one.given[place].includes(address)));
      }),
    );
  });

  it('nothing comes from a place that names another address than the one in force', () => {
    fc.assert(
      fc.property(cases, ({ system: { address, others }, ...one }) => {
        const { winner } = decide(one);
        const owner = winner(address);
        for (const path of others) {
          const place = winner(path);
          if (place !== undefined && place !== owner) expect(one.given[place]).not.toContain(address);
        }
      }),
    );
  });

  it('no variable counts for a system of an environment that was chosen with -e, and none is passed over in silence', () => {
    fc.assert(
      fc.property(cases, ({ system: { key: system, address, others }, ...one }) => {
        const { winner, refused, warnings } = decide({ ...one, chosen: true });
        for (const path of [address, ...others]) expect(winner(path)).not.toBe('variable');
        const { variable, file, flag } = one.given;
        expect(system in refused).toBe(variable.length > 0 && file.length === 0 && !flag.includes(address));
        if (variable.length > 0) expect(system in refused || warnings.length > 0).toBe(true);
        if (system in refused)
          expect(refused[system]).toMatchObject({ code: 'SYSTEM_NOT_NAMED', exitCode: 2 });
      }),
    );
  });

  it('what is given and does not count is named in a warning, or the system is refused', () => {
    fc.assert(
      fc.property(cases, ({ system: { key: system, address, others }, ...one }) => {
        const { placesOf, warnings, refused } = decide(one);
        for (const place of places)
          for (const path of others) {
            if (!one.given[place].includes(path) || placesOf(path).includes(place)) continue;
            if (system in refused) continue;
            const name = path.split('.')[1]!.replace(/[A-Z]/g, (letter) => `_${letter}`);
            expect(warnings.join('\n')).toMatch(new RegExp(`${path}|_${name}`, 'i'));
          }
        void address;
      }),
    );
  });
});

it('every system has an address, and its other settings are in the same section', () => {
  expect(catalog.systems.map(({ address }) => address)).toEqual([
    'postgres.url',
    'redis.url',
    'memcached.servers',
    'hazelcast.url',
    'elasticsearch.url',
    'solr.url',
    'prometheus.url',
    's3.endpoint',
  ]);
  const grouped = catalog.systems.flatMap(({ address, others }) => [address, ...others]);
  expect([...catalog.settings.keys()].filter((path) => !grouped.includes(path))).toEqual([
    'connectTimeout',
    'requestTimeout',
    'cache.writeBehind.durability',
    'search.shards',
    'search.replicas',
  ]);
});
