import type { Stored } from './resource.js';

/** A data stream begins a new index when the current one is so old or so large. */
const rollover = { age: '30d', size: '50gb' };

/**
 * Deletes indices so many days after their last document was written.
 * @see https://www.elastic.co/docs/manage-data/lifecycle/index-lifecycle-management
 */
export function ilmPolicy(name: string, days: number): Stored {
  return {
    kind: 'ilm-policy',
    name,
    body: {
      policy: {
        phases: {
          hot: {
            actions: { rollover: { max_age: rollover.age, max_primary_shard_size: rollover.size } },
          },
          delete: { min_age: `${days}d`, actions: { delete: {} } },
        },
      },
    },
  };
}

/** The same for OpenSearch. @see https://docs.opensearch.org/latest/im-plugin/ism/policies/ */
export function ismPolicy(name: string, days: number, priority: number): Stored {
  return {
    kind: 'ism-policy',
    name,
    body: {
      policy: {
        description: `deletes ${name} after ${days} days`,
        default_state: 'current',
        states: [
          {
            name: 'current',
            actions: [{ rollover: { min_index_age: rollover.age, min_primary_shard_size: rollover.size } }],
            transitions: [{ state_name: 'old', conditions: { min_rollover_age: `${days}d` } }],
          },
          { name: 'old', actions: [{ delete: {} }], transitions: [] },
        ],
        ism_template: [{ index_patterns: [name], priority }],
      },
    },
  };
}
