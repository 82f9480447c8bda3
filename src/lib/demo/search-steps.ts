import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { errorMessage } from '../core/errors.js';
import { writeFileInPlace } from '../core/files.js';
import { formatCount } from '../core/units.js';
import { stepGroup } from './stage.js';

/** A search cluster of the person's own. */
export interface DemoSearch {
  /** `Elasticsearch 9.5.3 at 127.0.0.1:9200` */
  readonly name: string;
  /** Deletes an index that the demo made. */
  remove(index: string): Promise<void>;
  close(): void;
}

/** @returns undefined where no variable names a cluster @throws UserError when it cannot be used */
export type OpenDemoSearch = (env: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<DemoSearch | undefined>;

export interface SearchCounts {
  readonly documents: number;
}

interface State {
  index: string;
  documents: number;
}

const meters = `select m.id, m.kind, m.district, t.name as tariff, r.kwh, r.at,
  json_build_object('lat', m.latitude, 'lon', m.longitude) as location
  from meters m join tariffs t on t.id = m.tariff_id
  join lateral (select at, kwh from readings where meter_id = m.id order by at desc limit 1) r on true`.replace(
  /\s+/g,
  ' ',
);

const keyword = { type: 'keyword' };
const mapping = {
  settings: { number_of_shards: 1, number_of_replicas: 0 },
  mappings: {
    dynamic: 'strict',
    properties: {
      id: keyword,
      kind: keyword,
      district: { type: 'text' },
      tariff: keyword,
      kwh: { type: 'double' },
      at: { type: 'date' },
      location: { type: 'geo_point' },
    },
  },
};

/** The town's meters in an index of their own, where the person has a search cluster. */
export function searchSteps(open: OpenDemoSearch) {
  return stepGroup({
    name: 'search',
    state: (): State => ({ index: '', documents: 0 }),

    async leftOut(stage, state) {
      let search;
      try {
        search = await open(stage.env, stage.signal);
      } catch (error) {
        stage.signal.throwIfAborted();
        return `search is left out: ${errorMessage(error)}`;
      }
      if (search === undefined) return 'search is left out: METRIFY_ELASTICSEARCH_URL names no cluster';
      const { name, remove, close } = search;
      const index = `metrify-demo-${Math.random().toString(36).slice(2, 10)}`;
      state.index = index;
      stage.narrator.line();
      stage.narrator.line(`Search: ${name}, in the index ${index}`);
      stage.closing(async () => {
        try {
          await remove(index);
        } finally {
          close();
        }
      });
      return undefined;
    },

    steps: [
      {
        title: 'make an index, and fill it with the meters',
        async run(stage, state) {
          await mkdir(join(stage.desk, 'search', 'indices'), { recursive: true });
          await writeFileInPlace(
            join(stage.desk, 'search', 'indices', `${state.index}.json`),
            `${JSON.stringify(mapping, null, 2)}\n`,
          );
          await stage.metrify(['search', 'setup', '--from', 'search']);
          const report = await stage.metrify([
            ...['search', 'index', state.index, '--id', 'id', '--refresh', '--sql', meters],
          ]);
          state.documents = stage.town.meters.length;
          return report;
        },
      },
      {
        title: 'ask which meters draw power near the centre',
        run: (stage, { index }) =>
          stage.metrify([
            ...['search', 'query', index, '--near', '5.67,0', '--within', '1km', '--min-value', '0'],
            ...['--value-field', 'kwh', '--sort', 'kwh:desc', '--limit', '5', '--agg', 'terms:kind'],
          ]),
      },
      {
        title: 'prove that the index has every meter, and nothing else',
        run: (stage, { index }) =>
          stage.metrify(['search', 'verify', index, '--keys', '--id', 'id', '--sql', meters]),
      },
    ],

    summary: ({ documents }): SearchCounts => ({ documents }),
    highlight: ({ documents }, { green }) => `${green(formatCount(documents))} indexed and compared`,
  });
}
