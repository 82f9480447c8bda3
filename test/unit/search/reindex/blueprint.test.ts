import { expect, it } from 'vitest';

import { blueprint, seriesOf } from '../../../../src/lib/search/reindex/destination.js';
import type { ReindexSource } from '../../../../src/lib/search/reindex/index-facts.js';
import { withMark } from '../../../../src/lib/search/reindex/state.js';

const mark = { run: 'r', source: { name: 's', uuid: 'u' }, later: {} };

function sourceOf(name: string, settings: Record<string, unknown>, meta?: object): ReindexSource {
  const mappings = { properties: { n: { type: 'long' } }, ...(meta === undefined ? {} : { _meta: meta }) };
  const index = { name, uuid: 'u1', aliases: {}, mappings, settings, shards: 2 };
  return { asked: 'sensors', index: index as ReindexSource['index'], isBare: false };
}

it('a new index has the settings of the old one, but for what is private to that', () => {
  const source = sourceOf('sensors-000001', {
    'index.uuid': 'u1',
    'index.creation_date': '1',
    'index.provided_name': 'sensors-000001',
    'index.version.created': '7172999',
    'index.resize.source.name': 'other',
    'index.blocks.write': 'true',
    'index.routing.allocation.initial_recovery._id': null,
    'index.number_of_shards': '2',
    'index.number_of_replicas': '1',
    'index.refresh_interval': '30s',
    'index.analysis.analyzer.a.type': 'custom',
    'index.sort.field': 'n',
    'index.default_pipeline': 'stamp',
  });
  const { settings, later, shards } = blueprint('sensors-000002', source, {
    settings: { 'index.number_of_shards': '4' },
  });
  expect(settings).toEqual({
    'index.number_of_shards': '4',
    'index.number_of_replicas': '0',
    'index.refresh_interval': '-1',
    'index.auto_expand_replicas': 'false',
    'index.default_pipeline': '_none',
    'index.final_pipeline': '_none',
    'index.analysis.analyzer.a.type': 'custom',
    'index.sort.field': 'n',
  });
  expect(shards).toBe(4);
  expect(later).toEqual({
    'index.number_of_replicas': '1',
    'index.refresh_interval': '30s',
    'index.auto_expand_replicas': null,
    'index.default_pipeline': 'stamp',
    'index.final_pipeline': null,
  });
});

it("a new index keeps the mapping's own _meta, and nothing of an earlier reindex", () => {
  const meta = { owner: 'grid' };
  const { mappings } = blueprint('b', sourceOf('a', {}, withMark(meta, mark)), {});
  expect(mappings).toEqual({ properties: { n: { type: 'long' } }, _meta: meta });
  expect(blueprint('b', sourceOf('a', {}, withMark(undefined, mark)), {}).mappings).not.toHaveProperty(
    '_meta',
  );
});

it('a new index has the usual settings of one that is being filled with --bulk-settings', () => {
  const note = { refresh_interval: '30s', number_of_replicas: null, since: '2026-11-29T00:00:00.000Z' };
  const source = sourceOf(
    'a',
    { 'index.refresh_interval': '-1', 'index.number_of_replicas': '0' },
    { metrify_bulk_settings: note },
  );
  const { later, mappings } = blueprint('b', source, {});
  expect(later).toMatchObject({ 'index.refresh_interval': '30s', 'index.number_of_replicas': null });
  expect(mappings).not.toHaveProperty('_meta');
});

it.each([
  ['sensors-000017', 'sensors'],
  ['sensors-v2', 'sensors'],
  ['meters-2026-11', 'sensors'],
  ['other-000001', 'other'],
])('%s is of the series %s', (name, series) => {
  expect(seriesOf(sourceOf(name, {}))).toBe(series);
});
