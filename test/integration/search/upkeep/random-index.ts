import fc from 'fast-check';

import type { IndexBody, Json, JsonObject } from '../../../../src/lib/search/setup/resource.js';

/** Parameters as a person may write them, with defaults spelled out, and numbers and booleans as text. */
const flagValue = (value: boolean) => fc.constantFrom<Json>(value, String(value));
const bool = fc.boolean().chain(flagValue);

function field(type: string, parameters: Record<string, fc.Arbitrary<Json>>): fc.Arbitrary<JsonObject> {
  return fc.record({ type: fc.constant(type), ...parameters }, { requiredKeys: ['type'] });
}

const keyword = field('keyword', {
  index: bool,
  doc_values: bool,
  store: bool,
  norms: bool,
  ignore_above: fc.constantFrom<Json>(1, 256, '1024'),
  null_value: fc.constantFrom('none', 'NULL'),
  index_options: fc.constant('docs'),
  eager_global_ordinals: bool,
});
const text = field('text', {
  norms: bool,
  store: bool,
  fielddata: bool,
  index_options: fc.constantFrom('docs', 'freqs', 'positions', 'offsets'),
  analyzer: fc.constantFrom('standard', 'own', 'default'),
  search_analyzer: fc.constantFrom('standard', 'own'),
  term_vector: fc.constantFrom('no', 'yes', 'with_positions_offsets'),
}).map((one) =>
  // Servers want an analyzer where there is one for searches.
  one['search_analyzer'] !== undefined && one['analyzer'] === undefined
    ? { ...one, analyzer: 'standard' }
    : one,
);
const number = fc
  .constantFrom('long', 'integer', 'double', 'float', 'byte')
  .chain((type) =>
    field(type, { coerce: bool, ignore_malformed: bool, store: bool, null_value: fc.constant(1) }),
  );
const date = field('date', {
  format: fc.constantFrom('strict_date_optional_time||epoch_millis', 'epoch_second', 'yyyy-MM-dd'),
  ignore_malformed: bool,
  doc_values: bool,
});
const place = field('geo_point', { ignore_malformed: bool, ignore_z_value: bool });
const leaf = fc.oneof(keyword, text, number, date, place, field('boolean', { store: bool, index: bool }));

const withFields = fc
  .tuple(
    fc.oneof(keyword, text),
    fc.option(fc.dictionary(fc.constantFrom('raw', 'more'), keyword), { nil: undefined }),
  )
  .map(([one, fields]) => ({ ...one, ...(fields === undefined ? {} : { fields }) }));

const names = fc.constantFrom('a', 'b', 'c', 'value', 'deep.er', 'deep.est');

const properties: fc.Arbitrary<JsonObject> = fc.dictionary(
  names,
  fc.oneof(
    { weight: 6, arbitrary: leaf },
    { weight: 2, arbitrary: withFields },
    {
      weight: 2,
      arbitrary: fc.record(
        {
          type: fc.constantFrom('object', 'nested'),
          dynamic: fc.constantFrom<Json>(false, 'strict', true),
          properties: fc.dictionary(fc.constantFrom('x', 'y'), leaf),
        },
        { requiredKeys: ['properties'] },
      ) as fc.Arbitrary<JsonObject>,
    },
  ),
  { maxKeys: 5 },
) as fc.Arbitrary<JsonObject>;

const settings: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      refresh: fc.constantFrom<Json>('5s', '-1', '1000ms'),
      replicas: fc.constantFrom<Json>(0, '0'),
      shards: fc.constantFrom<Json>(1, '2'),
      window: fc.constantFrom<Json>(5000, '20000'),
      nested: fc.boolean(),
      prefixed: fc.boolean(),
    },
    { requiredKeys: ['nested', 'prefixed'] },
  )
  .map(({ refresh, replicas, shards, window, nested, prefixed }) => {
    const given: [string, Json | undefined][] = [
      ['refresh_interval', refresh],
      ['number_of_replicas', replicas],
      ['number_of_shards', shards],
      ['max_result_window', window],
    ];
    const flat = given.filter(([, value]) => value !== undefined) as [string, Json][];
    if (nested) return { index: Object.fromEntries(flat) };
    return Object.fromEntries(flat.map(([name, value]) => [prefixed ? `index.${name}` : name, value]));
  })
  .map((more) => ({
    ...more,
    analysis: { analyzer: { own: { type: 'custom', tokenizer: 'standard', filter: ['lowercase'] } } },
  }));

export const indexBody: fc.Arbitrary<IndexBody> = fc.record({
  settings,
  mappings: fc.record(
    {
      properties,
      dynamic: fc.constantFrom<Json>(true, 'true', false, 'strict'),
      date_detection: bool,
      numeric_detection: bool,
      _meta: fc.constant({ owner: { team: 'grid', since: 2026 } }),
    },
    { requiredKeys: ['properties'] },
  ) as fc.Arbitrary<JsonObject>,
});

export const aliasBody: fc.Arbitrary<JsonObject> = fc.record(
  {
    routing: fc.constantFrom('1', 'north'),
    filter: fc.constant({ term: { kind: 'x' } }),
    is_write_index: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;
