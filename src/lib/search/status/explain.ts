import type { ElasticClient } from '../elastic/client.js';
import type { UnassignedShard } from './facts.js';

/** Shards that are asked about: where a node is gone, hundreds have the same reason. */
const askedAbout = 20;

interface Explanation {
  readonly can_allocate?: string;
  readonly allocate_explanation?: string;
  readonly node_allocation_decisions?: readonly {
    readonly node_name: string;
    readonly deciders?: readonly { readonly decider: string; readonly explanation: string }[];
  }[];
}

/** Adds to the first shards why no node takes them. @throws as ElasticClient.json */
export async function explain(
  client: ElasticClient,
  unassigned: ReadonlyMap<string, readonly UnassignedShard[]>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly UnassignedShard[]>> {
  let asked = 0;
  const explained = new Map<string, readonly UnassignedShard[]>();
  for (const [index, shards] of unassigned) {
    const of: UnassignedShard[] = [];
    for (const shard of shards)
      of.push(
        asked++ < askedAbout
          ? { ...shard, explanation: await reasonOf(client, index, shard, signal) }
          : shard,
      );
    explained.set(index, of);
  }
  return explained;
}

async function reasonOf(
  client: ElasticClient,
  index: string,
  { shard, isPrimary }: UnassignedShard,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await client.json<Explanation>(
    {
      method: 'POST',
      path: '/_cluster/allocation/explain',
      body: { index, shard, primary: isPrimary },
      // It was assigned meanwhile, or its index is gone.
      expected: [400, 404],
    },
    signal,
  );
  const reasons = (answer.node_allocation_decisions ?? []).flatMap(({ node_name, deciders = [] }) =>
    deciders.map(({ decider, explanation }) => ({
      decider,
      text: `${node_name}: ${readable(decider, explanation)}`,
    })),
  );
  if (reasons.length === 0) return answer.allocate_explanation;
  const shown = reasons.slice(0, 3).map(({ text }) => text);
  return [...shown, ...(reasons.length > 3 ? [`and ${reasons.length - 3} more`] : [])].join('; ');
}

/** The reason that every replica of a single node has, in fewer words than the server's. */
function readable(decider: string, explanation: string): string {
  if (decider === 'same_shard') return 'has the shard already';
  return explanation;
}
