import { counted, formatBytes, formatCount, formatDuration } from '../../core/units.js';
import type { ClusterFacts, IndexFacts, NodeFacts } from './facts.js';
import { neededBytes } from './watermarks.js';

/** Kinds of findings, each of which is one check. */
export const subjects = {
  shards: 'every shard is there, with all of its copies',
  disk: 'every node has room on its disk',
  blocks: 'no index refuses writes',
  leftovers: 'no index is left as a load needs it',
  aliases: 'every alias takes writes',
  balance: 'shards are even in size and number',
  queries: 'queries are fast',
  nodes: 'no node is short of memory, or refuses work',
  tasks: 'the cluster keeps up with its own tasks',
} as const;

/** Something that is not well, as a person reads it at night. */
export interface Finding {
  readonly subject: keyof typeof subjects;
  /** Documents cannot be read or written now, or may be lost. */
  readonly isSevere: boolean;
  readonly what: string;
  readonly advice: string;
  /** That does it, if one does. */
  readonly command?: Command;
}

/** A command of metrify, or a request to the server. */
export type Command =
  | string
  | {
      readonly method: 'PUT' | 'POST';
      readonly path: string;
      readonly body?: Readonly<Record<string, unknown>>;
    };

/** What is not well, the worst first. */
export function findings(facts: ClusterFacts): readonly Finding[] {
  const found = [
    ...facts.indices.flatMap((index) => shardFindings(index, facts)),
    ...diskFindings(facts),
    ...facts.indices.flatMap(blockFindings),
    ...aliasFindings(facts),
    ...facts.indices.flatMap((index) => leftovers(index, facts)),
    ...facts.nodes.flatMap(nodeFindings),
    ...facts.indices.flatMap(unevenShards),
    ...unevenNodes(facts),
    ...facts.indices.flatMap(queryFindings),
    ...taskFindings(facts),
  ];
  return [...found.filter(({ isSevere }) => isSevere), ...found.filter(({ isSevere }) => !isSevere)];
}

function setting(index: string, name: string, value: unknown): Command {
  return { method: 'PUT', path: `/${encodeURIComponent(index)}/_settings`, body: { [name]: value } };
}

function dataNodes({ nodes }: ClusterFacts): readonly NodeFacts[] {
  return nodes.filter(({ isData }) => isData);
}

function shardFindings(index: IndexFacts, facts: ClusterFacts): Finding[] {
  const primaries = index.unassigned.filter(({ isPrimary }) => isPrimary);
  const copies = index.unassigned.filter(({ isPrimary }) => !isPrimary);
  const found: Finding[] = [];
  const why = ({ reason, explanation }: IndexFacts['unassigned'][number]) =>
    [reason, explanation].filter((part) => part !== undefined && part !== '').join(': ');
  if (primaries.length > 0)
    found.push({
      subject: 'shards',
      isSevere: true,
      what: `${index.name}: ${shardsText(primaries)} of ${index.shards} cannot be read or written (${why(primaries[0]!)})`,
      advice: 'Start the node that has it. Only if its data are lost: restore it, or index it again.',
      command: { method: 'POST', path: '/_cluster/reroute?retry_failed=true' },
    });
  if (copies.length === 0) return found;
  const possible = dataNodes(facts).length - 1;
  const impossible = index.replicas > possible;
  found.push({
    subject: 'shards',
    isSevere: false,
    what: `${index.name}: ${counted(copies.length, 'copy', 'copies')} of its shards ${copies.length === 1 ? 'is' : 'are'} missing (${why(copies[0]!)})`,
    advice: impossible
      ? `${counted(index.replicas, 'replica')} cannot be on ${counted(possible + 1, 'node')}: add a node, or have fewer.`
      : 'Should another node stop now, documents are lost. Start the node that is gone, or wait until it is copied.',
    ...(impossible
      ? { command: setting(index.name, 'index.number_of_replicas', Math.max(0, possible)) }
      : { command: { method: 'POST', path: '/_cluster/reroute?retry_failed=true' } as const }),
  });
  return found;
}

function shardsText(shards: IndexFacts['unassigned']): string {
  const numbers = shards.map(({ shard }) => shard).sort((a, b) => a - b);
  const shown = numbers.slice(0, 8).join(', ');
  return `${numbers.length === 1 ? 'shard' : 'shards'} ${shown}${numbers.length > 8 ? ', …' : ''}`;
}

function diskFindings({ nodes, watermarks }: ClusterFacts): Finding[] {
  if (watermarks === undefined) return [];
  return nodes.flatMap(({ name, isData, disk }): Finding[] => {
    if (!isData || disk === undefined) return [];
    const { totalBytes, freeBytes } = disk;
    const stages = [
      [watermarks.flood, 'flood stage: its indices become read-only', true],
      [watermarks.high, 'high watermark: shards are moved away from it', true],
      [watermarks.low, 'low watermark: it gets no more replicas', false],
    ] as const;
    const stage = stages.find(([mark]) => freeBytes < neededBytes(mark, totalBytes));
    if (stage === undefined) return [];
    const [mark, meaning, isSevere] = stage;
    return [
      {
        subject: 'disk',
        isSevere,
        what: `node ${name}: ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} are free, below ${formatBytes(neededBytes(mark, totalBytes))}, the ${meaning}`,
        advice: 'Make room: delete what is too old, or add disk or a node.',
        command: 'metrify search retention --dry-run',
      },
    ];
  });
}

function blockFindings({ name, blocks }: IndexFacts): Finding[] {
  return blocks.map((block): Finding => {
    const isFull = block === 'read_only_allow_delete';
    return {
      subject: 'blocks',
      isSevere: true,
      what: isFull
        ? `${name} takes no writes: the disk of a node was too full (index.blocks.${block})`
        : `${name} takes no ${block === 'read' ? 'searches' : block === 'metadata' ? 'changes of its mapping' : 'writes'}: index.blocks.${block} is set`,
      advice: isFull
        ? 'Make room first. Servers before 7.4 keep the block until it is lifted.'
        : 'Somebody set it, or a reindex that was killed. Lift it if nothing needs it.',
      command: setting(name, `index.blocks.${block}`, null),
    };
  });
}

function aliasFindings({ aliases }: ClusterFacts): Finding[] {
  return Object.entries(aliases)
    .filter(([, { indices, written }]) => indices.length > 1 && written.length === 0)
    .map(([alias, { indices }]) => ({
      subject: 'aliases',
      isSevere: false,
      what: `${alias} takes no writes: it stands for ${indices.length} indices, and none of them is its write index`,
      advice: 'Choose one if something writes to it.',
      command: {
        method: 'POST',
        path: '/_aliases',
        body: { actions: [{ add: { index: [...indices].sort().at(-1)!, alias, is_write_index: true } }] },
      },
    }));
}

function leftovers(index: IndexFacts, facts: ClusterFacts): Finding[] {
  const found: Finding[] = [];
  const load = 'A load that was killed leaves it so. Unless one runs now, set it back.';
  if (index.refreshInterval?.startsWith('-') === true)
    found.push({
      subject: 'leftovers',
      isSevere: false,
      what: `${index.name}: what is written stays invisible to searches, for its refresh_interval is ${index.refreshInterval}`,
      advice: load,
      command: setting(index.name, 'index.refresh_interval', null),
    });
  if (index.replicas === 0 && dataNodes(facts).length > 1 && !index.isClosed)
    found.push({
      subject: 'leftovers',
      isSevere: false,
      what: `${index.name} has no replicas: with any node that has a shard of it documents are gone`,
      advice: load,
      command: setting(index.name, 'index.number_of_replicas', 1),
    });
  return found;
}

const gibibyte = 1024 ** 3;
/** Recommended by the makers of both servers. */
const largestShard = 50 * gibibyte;

function unevenShards({ name, primaryBytes }: IndexFacts): Finding[] {
  const largest = Math.max(0, ...primaryBytes);
  const mean = primaryBytes.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, primaryBytes.length);
  if (largest > largestShard)
    return [
      {
        subject: 'balance',
        isSevere: false,
        what: `${name} has a shard of ${formatBytes(largest)}: above ${formatBytes(largestShard)} recovery takes long`,
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
      what: `${name}: its largest shard has ${formatBytes(largest)}, the mean is ${formatBytes(mean)}`,
      advice: 'Few values of routing have most documents. Without routing, shards are even.',
    },
  ];
}

/** More shards than others have. The server balances by itself, unless it must not, or a disk is full. */
function unevenNodes(facts: ClusterFacts): Finding[] {
  const nodes = dataNodes(facts);
  const total = nodes.reduce((sum, { shards }) => sum + shards, 0);
  const mean = total / nodes.length;
  const most = [...nodes].sort((a, b) => b.shards - a.shards)[0];
  if (most === undefined || nodes.length < 2 || most.shards < mean + 2 || most.shards < 1.5 * mean) return [];
  return [
    {
      subject: 'balance',
      isSevere: false,
      what: `node ${most.name} has ${most.shards} of ${counted(total, 'shard')}, the mean is ${mean.toFixed(1)}`,
      advice:
        'A node that has just come gets its shards by and by. Otherwise see which setting forbids to move them.',
    },
  ];
}

/** Means below it are usual for searches over much data. */
const slowMs = 500;
/** Below it a mean says little. */
const fewQueries = 20;

function queryFindings({ name, queries, logsSlowQueries }: IndexFacts): Finding[] {
  const { count, totalMs } = queries;
  if (count < fewQueries || totalMs / count < slowMs) return [];
  return [
    {
      subject: 'queries',
      isSevere: false,
      what: `${name}: a query takes ${formatDuration(totalMs / count)} on each shard, the mean of ${formatCount(count)} since the node started`,
      advice: logsSlowQueries
        ? 'See the slow log of its nodes.'
        : 'Have slow queries logged, to see which they are.',
      ...(logsSlowQueries
        ? {}
        : { command: setting(name, 'index.search.slowlog.threshold.query.warn', `${2 * slowMs}ms`) }),
    },
  ];
}

const fullHeapPercent = 90;

function nodeFindings({ name, heapPercent, rejected }: NodeFacts): Finding[] {
  const found: Finding[] = [];
  if (heapPercent >= fullHeapPercent)
    found.push({
      subject: 'nodes',
      isSevere: false,
      what: `node ${name} uses ${heapPercent}% of its heap`,
      advice: 'If it stays so, it refuses requests (429): give it more memory, or fewer shards.',
    });
  for (const [what, count] of Object.entries(rejected))
    if (count > 0)
      found.push({
        subject: 'nodes',
        isSevere: false,
        what: `node ${name} has refused ${formatCount(count)} ${what} since it started: its queue was full`,
        advice: 'Send less at a time. What is refused has to be sent again.',
      });
  return found;
}

/** A change of the cluster that waits longer holds up everything behind it. */
const longWaitMs = 30_000;

function taskFindings({ pendingTasks }: ClusterFacts): Finding[] {
  const oldest = [...pendingTasks].sort((a, b) => b.waitingMs - a.waitingMs)[0];
  if (oldest === undefined || oldest.waitingMs < longWaitMs) return [];
  return [
    {
      subject: 'tasks',
      isSevere: false,
      what: `${counted(pendingTasks.length, 'task')} of the cluster ${pendingTasks.length === 1 ? 'waits' : 'wait'}, one for ${formatDuration(oldest.waitingMs)}: ${oldest.source}`,
      advice: 'The master node cannot keep up: too many indices or shards, or it is short of memory.',
    },
  ];
}
