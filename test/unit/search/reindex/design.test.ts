import { describe, expect, it } from 'vitest';

import { flatSettings, readDesign } from '../../../../src/lib/search/reindex/design.js';

describe('a design in a file', () => {
  it('is a mapping alone, or what an index is created with', () => {
    const mapping = { properties: { n: { type: 'long' } } };
    expect(readDesign(JSON.stringify(mapping), 'm.json')).toEqual({ mappings: mapping, settings: undefined });
    const whole = { mappings: mapping, settings: { index: { number_of_shards: 3 }, refresh_interval: '5s' } };
    expect(readDesign(JSON.stringify(whole), 'm.json')).toEqual({
      mappings: mapping,
      settings: { 'index.number_of_shards': 3, 'index.refresh_interval': '5s' },
    });
  });

  it.each(['', '[]', 'null', '{}', '{"name":"long"}', '{"mappings":[]}', '{"settings":1}'])(
    'is not %s',
    (text) => {
      expect(() => readDesign(text, 'm.json')).toThrow(/^m\.json is not a mapping: /);
    },
  );
});

describe('settings by full name', () => {
  it('are the same however they were nested', () => {
    const spellings = [
      {
        index: { analysis: { filter: { f: { type: 'synonym', synonyms: ['a,b'] } } }, number_of_shards: '2' },
      },
      { 'analysis.filter.f.type': 'synonym', 'analysis.filter.f.synonyms': ['a,b'], number_of_shards: '2' },
      {
        'index.analysis.filter': { 'f.type': 'synonym', f: { synonyms: ['a,b'] } },
        'index.number_of_shards': '2',
      },
    ];
    for (const spelling of spellings)
      expect(flatSettings(spelling)).toEqual({
        'index.analysis.filter.f.type': 'synonym',
        'index.analysis.filter.f.synonyms': ['a,b'],
        'index.number_of_shards': '2',
      });
  });
});
