import { counted, formatBytes, formatCount, formatDuration } from '../../core/units.js';
import { type ClusterFacts, dataNodes, type IndexFacts } from './facts.js';
import type { Command, Finding } from './finding.js';

/** What is not well with an index: a finding, but for the indices that it is about. */
interface Problem {
  readonly subject: Finding['subject'];
  readonly isSevere: boolean;
  /** After the name of the index. */
  readonly what: string;
  /** In the server's words: what differs only by it is one finding. */
  readonly why?: string;
  readonly advice: string;
  /** A setting that mends it. */
  readonly setting?: readonly [name: string, value: unknown];
  readonly command?: Command;
}

/** What is not well with indices. What several have is one finding. */
export function indexFindings(facts: ClusterFacts): readonly Finding[] {
  const found = new Map<string, { problem: Problem; names: string[]; reasons: Set<string> }>();
  for (const index of facts.indices)
    for (const { why, ...problem } of problemsOf(index, facts)) {
      const key = JSON.stringify(problem);
      const same = found.get(key) ?? { problem, names: [] as string[], reasons: new Set<string>() };
      found.set(key, same);
      same.names.push(index.name);
      if (why !== undefined) same.reasons.add(why);
    }
  return [...found.values()].map(({ problem, names, reasons }) => findingOf(problem, names, [...reasons]));
}

function findingOf(
  { what, setting, ...problem }: Problem,
  names: readonly string[],
  reasons: readonly string[],
): Finding {
  const [reason, ...others] = reasons;
  const why = others.length === 0 ? reason : `${reason}; and ${counted(others.length, 'other reason')}`;
  return {
    ...problem,
    what: `${namesText(names)}: ${what}${why === undefined ? '' : ` (${why})`}`,
    ...(setting === undefined
      ? {}
      : {
          command: {
            method: 'PUT',
            path: `/${names.map(encodeURIComponent).join(',')}/_settings`,
            body: { [setting[0]]: setting[1] },
          },
        }),
  };
}

function namesText(names: readonly string[]): string {
  if (names.length === 1) return names[0]!;
  const shown = names.slice(0, 3).join(', ');
  return `${names.length <= 3 ? shown : `${shown} and ${formatCount(names.length - 3)} more`}, each`;
}

function problemsOf(index: IndexFacts, facts: ClusterFacts): readonly Problem[] {
  return [
    ...shardProblems(index, facts),
    ...blockProblems(index),
    ...leftovers(index, facts),
    ...unevenShards(index),
    ...slowQueries(index),
  ];
}

function shardProblems(index: IndexFacts, facts: ClusterFacts): Problem[] {
  const primaries = index.unassigned.filter(({ isPrimary }) => isPrimary);
  const copies = index.unassigned.filter(({ isPrimary }) => !isPrimary);
  const found: Problem[] = [];
  const why = ({ reason, explanation }: IndexFacts['unassigned'][number]) =>
    [reason, explanation].filter((part) => part !== undefined && part !== '').join(': ');
  if (primaries.length > 0)
    found.push({
      subject: 'shards',
      isSevere: true,
      what: `${shardsText(primaries)} of ${index.shards} cannot be read or written`,
      why: why(primaries[0]!),
      advice: 'Start the node that has it. Only if its data are lost: restore it, or index it again.',
      command: { method: 'POST', path: '/_cluster/reroute?retry_failed=true' },
    });
  if (copies.length === 0) return found;
  const possible = dataNodes(facts).length - 1;
  const impossible = index.replicas > possible;
  found.push({
    subject: 'shards',
    isSevere: false,
    what: `${counted(copies.length, 'copy', 'copies')} of its shards ${copies.length === 1 ? 'is' : 'are'} missing`,
    why: why(copies[0]!),
    advice: impossible
      ? `${counted(index.replicas, 'replica')} cannot be on ${counted(possible + 1, 'node')}: add a node, or have fewer.`
      : 'Should another node stop now, documents are lost. Start the node that is gone, or wait until it is copied.',
    ...(impossible
      ? { setting: ['index.number_of_replicas', Math.max(0, possible)] as const }
      : { command: { method: 'POST', path: '/_cluster/reroute?retry_failed=true' } as const }),
  });
  return found;
}

function shardsText(shards: IndexFacts['unassigned']): string {
  const numbers = shards.map(({ shard }) => shard).sort((a, b) => a - b);
  const shown = numbers.slice(0, 8).join(', ');
  return `${numbers.length === 1 ? 'shard' : 'shards'} ${shown}${numbers.length > 8 ? ', …' : ''}`;
}

const blocked: Readonly<Record<string, string>> = {
  read: 'searches',
  metadata: 'changes of its mapping',
  read_only: 'writes, and no changes',
};

function blockProblems({ name, blocks, isReindexed, isSetAside }: IndexFacts): Problem[] {
  return blocks.flatMap((block): Problem[] => {
    const lift = { subject: 'blocks', isSevere: true, setting: [`index.blocks.${block}`, null] } as const;
    if (block === 'read_only_allow_delete')
      return [
        {
          ...lift,
          what: `takes no writes: the disk of a node was too full (index.blocks.${block})`,
          advice: 'Make room first. Servers before 7.4 keep the block until it is lifted.',
        },
      ];
    // A reindex and a rollback leave it so.
    if (isSetAside && block === 'write') return [];
    const what = `takes no ${blocked[block] ?? 'writes'}: index.blocks.${block} is set`;
    if (isReindexed && block === 'write')
      return [
        {
          subject: 'blocks',
          isSevere: true,
          what: `${what} by a reindex`,
          advice: 'It lifts the block when it ends. If it was killed, continue it.',
          command: `metrify search reindex ${name} --resume`,
        },
      ];
    return [{ ...lift, what, advice: 'Somebody set it. Lift it if nothing needs it.' }];
  });
}

function leftovers(index: IndexFacts, facts: ClusterFacts): Problem[] {
  const { usualSettings: usual } = index;
  if (usual !== undefined)
    return [
      {
        subject: 'leftovers',
        isSevere: false,
        what: `has no refreshes and no replicas, for a search index --bulk-settings that began at ${usual.since}`,
        advice: 'The next search index into it puts them back. Unless one runs now, set them back.',
        command: {
          method: 'PUT',
          path: `/${encodeURIComponent(index.name)}/_settings`,
          body: {
            'index.refresh_interval': usual.refreshInterval,
            'index.number_of_replicas': usual.replicas,
          },
        },
      },
    ];
  const found: Problem[] = [];
  const load = 'A load that was killed leaves it so. Unless one runs now, set it back.';
  if (index.refreshInterval?.startsWith('-') === true)
    found.push({
      subject: 'leftovers',
      isSevere: false,
      what: `what is written stays invisible to searches, for its refresh_interval is ${index.refreshInterval}`,
      advice: load,
      setting: ['index.refresh_interval', null],
    });
  if (index.replicas === 0 && dataNodes(facts).length > 1 && !index.isClosed)
    found.push({
      subject: 'leftovers',
      isSevere: false,
      what: `has no replicas: with any node that has a shard of it documents are gone`,
      advice: load,
      setting: ['index.number_of_replicas', 1],
    });
  return found;
}

const gibibyte = 1024 ** 3;
/** Recommended by the makers of both servers. */
const largestShard = 50 * gibibyte;

function unevenShards({ name, primaryBytes }: IndexFacts): Problem[] {
  const largest = Math.max(0, ...primaryBytes);
  const mean = primaryBytes.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, primaryBytes.length);
  if (largest > largestShard)
    return [
      {
        subject: 'balance',
        isSevere: false,
        what: `has a shard of ${formatBytes(largest)}: above ${formatBytes(largestShard)} recovery takes long`,
        advice: 'Give it more shards, or a time series an earlier rollover.',
        command: `metrify search reindex ${name}`,
      },
    ];
  // Small shards are uneven by chance, and nobody feels it.
  if (largest < gibibyte || largest < 2 * mean) return [];
  return [
    {
      subject: 'balance',
      isSevere: false,
      what: `its largest shard has ${formatBytes(largest)}, the mean is ${formatBytes(mean)}`,
      advice: 'Few values of routing have most documents. Without routing, shards are even.',
    },
  ];
}

/** Means below it are usual for searches over much data. */
const slowMs = 500;
/** Below it a mean says little. */
const fewQueries = 20;

function slowQueries({ queries, logsSlowQueries }: IndexFacts): Problem[] {
  const { count, totalMs } = queries;
  if (count < fewQueries || totalMs / count < slowMs) return [];
  return [
    {
      subject: 'queries',
      isSevere: false,
      what: `a query takes ${formatDuration(totalMs / count)} on each shard, the mean of ${formatCount(count)} since the node started`,
      advice: logsSlowQueries
        ? 'See the slow log of its nodes.'
        : 'Have slow queries logged, to see which they are.',
      ...(logsSlowQueries
        ? {}
        : { setting: ['index.search.slowlog.threshold.query.warn', `${2 * slowMs}ms`] as const }),
    },
  ];
}
