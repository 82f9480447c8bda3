import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';

import type { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { Digits } from '../../../../src/lib/search/exact-json.js';
import { applySetup } from '../../../../src/lib/search/setup/apply.js';
import { wantedOf } from '../../../../src/lib/search/setup/built-in.js';
import { type Capabilities, probe } from '../../../../src/lib/search/setup/capabilities.js';
import { builtIn, type IndexFields } from '../../../../src/lib/search/setup/fields.js';
import { indexChanges } from '../../../../src/lib/search/setup/index-changes.js';
import { type Plan, planSetup } from '../../../../src/lib/search/setup/plan.js';
import type { IndexBody, JsonObject, Wanted } from '../../../../src/lib/search/setup/resource.js';
import type { IndexSettings } from '../../../../src/lib/search/setup/settings.js';
import { validate } from '../../../../src/lib/search/setup/validate.js';
import { replayable } from '../../../random.js';
import { scaled } from '../../../scale.js';
import { aliasBody, indexBody } from './random-index.js';
import { type OwnNames, removeAll } from './server.js';

const plain: IndexSettings = { synonyms: [], retention: {}, replicas: 0 };
const november = new Date('2026-11-29T12:00:00Z');

/** What `search setup` promises of every engine. */
export function setupCases(server: () => OwnNames): void {
  const { seed } = replayable('indices that are set up');
  const signal = AbortSignal.timeout(600_000);
  let client: ElasticClient;
  let prefix: string;
  let capabilities: Capabilities;

  beforeAll(async () => {
    ({ client, prefix } = server());
    capabilities = await probe(client, signal);
  });

  let counter = 0;
  const named = (): readonly IndexFields[] => {
    const own = `${prefix}${counter++}-`;
    return builtIn.map((index) => ({ ...index, name: `${own}${index.name}` }));
  };
  const plan = (wanted: Wanted, now = november): Promise<Plan> =>
    planSetup(client, wanted, capabilities, now, signal);
  const apply = async (wanted: Wanted, now = november): Promise<Plan> => {
    const made = await plan(wanted, now);
    await validate(client, wanted, signal);
    await applySetup(client, made.changes, signal, () => {});
    return made;
  };

  test('a second setup finds nothing to change', async () => {
    const wanted = wantedOf(named(), capabilities, { ...plain, synonyms: ['trafo, transformer'] });
    expect((await apply(wanted)).changes).toHaveLength(6);
    expect(await plan(wanted)).toEqual({ changes: [], fixed: [] });
  });

  test('two setups at once end with the same', async () => {
    const wanted = wantedOf(named(), capabilities, plain);
    await Promise.all([apply(wanted), apply(wanted), apply(wanted)]);
    expect(await plan(wanted)).toEqual({ changes: [], fixed: [] });
  });

  test('whatever is put is found again without a difference', async () => {
    let index = 0;
    await fc.assert(
      fc.asyncProperty(indexBody, aliasBody, async (body, alias) => {
        const name = `${prefix}any-${index++}`;
        const wanted: Wanted = {
          stored: [
            {
              kind: 'component-template',
              name,
              body: { template: { settings: body.settings! }, version: 3, _meta: { by: 'test' } },
            },
            {
              kind: 'index-template',
              name,
              body: {
                index_patterns: [`${name}-x-*`],
                composed_of: [name],
                priority: 7,
                template: { ...body, aliases: { [`${name}-too`]: alias } } as JsonObject,
              },
            },
          ],
          named: [{ kind: 'index', name, body: { ...body, aliases: { [`${name}-also`]: alias } } }],
        };
        await validate(client, wanted, signal);
        await applySetup(client, (await plan(wanted)).changes, signal, () => {});
        expect(await plan(wanted)).toEqual({ changes: [], fixed: [] });
        await removeAll(client, name);
      }),
      { seed, numRuns: scaled(5) },
    );
  });

  test('what is said to be fixed is refused by the server, and what is said to change does', async () => {
    let index = 0;
    await fc.assert(
      fc.asyncProperty(indexBody, indexBody, async (has, wants) => {
        const name = `${prefix}change-${index++}`;
        const at = { kind: 'index', name } as const;
        await applySetup(
          client,
          (await plan({ stored: [], named: [{ ...at, body: has }] })).changes,
          signal,
          () => {},
        );
        const wanted: IndexBody = { mappings: wants.mappings! };
        const { changes, fixed } = await plan({ stored: [], named: [{ ...at, body: wanted }] });
        if (fixed.length === 0) {
          await applySetup(client, changes, signal, () => {});
          expect(await plan({ stored: [], named: [{ ...at, body: wanted }] })).toEqual({
            changes: [],
            fixed: [],
          });
        } else {
          // The server's own judgement: it refuses, or leaves what was there.
          const path = `/${name}-000001/_mapping`;
          await client.bytes(
            { method: 'PUT', path, body: JSON.stringify(wants.mappings), expected: [400] },
            signal,
          );
          const held = await client.json<Record<string, { mappings: JsonObject }>>({ path }, signal);
          const after = { name, aliases: {}, settings: {}, mappings: held[`${name}-000001`]!.mappings };
          expect(indexChanges(after, wanted).fixed).toEqual(fixed[0]!.differences);
        }
        await removeAll(client, name);
      }),
      { seed, numRuns: scaled(5) },
    );
  });

  test('a field of another type is named, and nothing is changed', async () => {
    const [sensors] = named();
    await apply(wantedOf([sensors!], capabilities, plain));
    const other = {
      ...sensors!,
      fields: { ...sensors!.fields, value: { is: 'keyword' }, more: { is: 'date' } },
    } as const;
    const { fixed } = await plan(wantedOf([other], capabilities, plain));
    expect(fixed).toEqual([
      {
        name: sensors!.name,
        index: `${sensors!.name}-000001`,
        differences: [{ path: 'mappings.properties.value.type', has: 'double', wants: 'keyword' }],
      },
    ]);
  });

  test('a new field, and other replicas, are changed where the index is', async () => {
    const [sensors] = named();
    await apply(wantedOf([sensors!], capabilities, plain));
    const other = { ...sensors!, fields: { ...sensors!.fields, depth: { is: 'double' } } } as const;
    const wanted = wantedOf([other], capabilities, { ...plain, replicas: 1 });
    await apply(wanted);
    expect(await plan(wanted)).toEqual({ changes: [], fixed: [] });
    const index = await client.json<JsonObject>({ path: `/${sensors!.name}-000001` }, signal);
    expect(index).toMatchObject({
      [`${sensors!.name}-000001`]: {
        mappings: { properties: { depth: { type: 'double' } } },
        settings: { index: { number_of_replicas: '1' } },
      },
    });
  });

  test('a new month has a new index, with every alias of the last one, and writes go to it', async () => {
    const readings = named()[1]!;
    const wanted = wantedOf([readings], capabilities, plain);
    await apply(wanted);
    if (capabilities.dataStreams) return;
    const path = `/${readings.name}-2026-11`;
    const alias = {
      filter: { term: { value: new Digits('9007199254740993') } },
      index_routing: '1',
      search_routing: '1',
    };
    await client.json({ method: 'PUT', path: `${path}/_alias/${readings.name}-gas`, body: alias }, signal);
    const december = new Date('2026-12-01T00:00:00Z');
    expect((await plan(wanted, new Date('2026-11-30T23:59:59Z'))).changes).toEqual([]);
    await apply(wanted, december);
    expect((await plan(wanted, december)).changes).toEqual([]);
    const aliases = await client.json({ path: `/${readings.name}-*/_alias`, exact: true }, signal);
    expect(aliases).toEqual({
      [`${readings.name}-2026-11`]: {
        aliases: { [readings.name]: { is_write_index: false }, [`${readings.name}-gas`]: alias },
      },
      [`${readings.name}-2026-12`]: {
        aliases: { [readings.name]: { is_write_index: true }, [`${readings.name}-gas`]: alias },
      },
    });
  });
}
