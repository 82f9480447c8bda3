import { counted, formatBytes, formatCount, formatDuration } from '../../core/units.js';
import { type ClusterFacts, dataNodes, type NodeFacts } from './facts.js';
import type { Finding } from './finding.js';
import { neededBytes } from './watermarks.js';

/** What is not well with nodes, aliases and the cluster itself. */
export function clusterFindings(facts: ClusterFacts): readonly Finding[] {
  return [
    ...diskFindings(facts),
    ...aliasFindings(facts),
    ...facts.nodes.flatMap(nodeFindings),
    ...unevenNodes(facts),
    ...taskFindings(facts),
  ];
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
