import { counted, formatBytes, formatCount, formatDuration } from '../../lib/core/units.js';
import type { SearchEngine } from '../../lib/search/engine.js';
import type { SolrEngine } from '../../lib/search/solr/engine.js';
import type { ClusterFacts, NodeFacts } from '../../lib/search/status/facts.js';
import { type Command, type Finding, subjects } from '../../lib/search/status/finding.js';
import { findings } from '../../lib/search/status/findings.js';
import { readFacts } from '../../lib/search/status/read.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { elasticClientOf } from './shared/elastic.js';
import { engineFlags, openConfigured } from './shared/engine.js';

interface Result extends ClusterFacts {
  target: string;
  findings: readonly Finding[];
}

export const status = readCommand({
  name: 'search status',
  summary:
    'health, shards, sizes, disks, slow queries and tasks of a search cluster, and what to do about them',
  synonyms: ['health', 'stats', 'cat', 'diagnose'],
  description: 'Reads only. With --check it ends with exit 3 when something is not well.',
  args: { index: { help: 'an index, alias or data stream; without it, all', required: false } },
  flags: { check: flag.boolean('exit 3 when something is not well'), ...engineFlags },
  examples: [
    { does: 'what is wrong', command: 'metrify search status' },
    { does: 'for monitoring', command: 'metrify search status meter-readings --check -q' },
  ],
  items: 'findings',
  junit: true,

  async read({ index, check, engine }, context) {
    const opened = await openConfigured({ engine }, context, 'search status');
    const { facts, found } = await look(opened, index, context.signal);
    const checks = Object.entries(subjects).map(([subject, name]) => {
      const failures = found.filter((finding) => finding.subject === subject).map(({ what }) => what);
      return { name, failure: failures.length === 0 ? undefined : failures.join('; ') };
    });
    return {
      verdict: check && found.length > 0 ? 'failed' : 'ok',
      result: { target: opened.name, ...facts, findings: found } satisfies Result as Result,
      checks,
    };
  },

  present(result, printer) {
    const { target, health, nodes, tasks, findings: found } = result;
    printer.heading(`${target}: ${health}, ${counted(nodes.length, 'node')}`);
    presentNodes(nodes, printer);
    presentIndices(result, printer);
    for (const { id, action, description, runningMs, done, total } of tasks) {
      printer.line(
        `running: ${action} for ${formatDuration(runningMs)}, ${formatCount(done)} of ${formatCount(total)}`,
      );
      printer.line(printer.dim(`  ${description} (task ${id})`));
    }
    if (found.length === 0) return printer.ok('nothing that is not well');
    for (const { isSevere, what, advice, command } of found) {
      if (isSevere) printer.bad(what, advice);
      else printer.warn(what, advice);
      if (command !== undefined) presentCommand(command, printer);
    }
  },
});

async function look(
  engine: SearchEngine,
  index: string | undefined,
  signal: AbortSignal,
): Promise<{ facts: ClusterFacts; found: readonly Finding[] }> {
  if (engine.kind === 'solr') {
    const { readSolrStatus } = await import('../../lib/search/solr/status.js');
    const { facts, findings: found } = await readSolrStatus((engine as SolrEngine).client, index, signal);
    return { facts, found };
  }
  const facts = await readFacts(await elasticClientOf(engine, 'search status'), index, signal);
  return { facts, found: findings(facts) };
}

function presentNodes(nodes: readonly NodeFacts[], printer: Printer): void {
  printer.table({
    columns: [
      { title: 'node', cut: true },
      { title: 'shards', align: 'right' },
      { title: 'heap', align: 'right' },
      { title: 'disk free', align: 'right' },
    ],
    rows: nodes.map(({ name, shards, heapPercent, disk }) => [
      name,
      formatCount(shards),
      `${heapPercent}%`,
      disk === undefined ? '' : `${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)}`,
    ]),
  });
}

function presentIndices({ indices, aliases }: ClusterFacts, printer: Printer): void {
  const aliasesOf = (index: string) =>
    Object.entries(aliases).flatMap(([alias, of]) => (of.indices.includes(index) ? [alias] : []));
  printer.table({
    columns: [
      { title: 'index', cut: true },
      { title: 'alias', cut: true, optional: true },
      { title: 'health' },
      { title: 'documents', align: 'right' },
      { title: 'size', align: 'right' },
      { title: 'shards', align: 'right' },
      { title: 'ms/query', align: 'right', optional: true },
    ],
    rows: indices.map(({ name, health, isClosed, documents, bytes, shards, replicas, queries }) => [
      name,
      aliasesOf(name).join(', '),
      isClosed ? `${health}, closed` : health,
      formatCount(documents),
      formatBytes(bytes),
      `${shards} × ${replicas + 1}`,
      queries.count === 0 ? '' : (queries.totalMs / queries.count).toFixed(1),
    ]),
  });
}

/** As the console of Kibana and of OpenSearch Dashboards takes requests. */
function presentCommand(command: Command, printer: Printer): void {
  if (typeof command === 'string') return printer.command(command, 6);
  const { method, path, body } = command;
  const lines = [`${method} ${path}`, ...(body === undefined ? [] : [JSON.stringify(body)])];
  // Not broken: it is to be pasted.
  printer.block(lines.map((line) => `      ${line}`).join('\n'));
}
