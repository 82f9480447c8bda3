import { shellOperand, shellWord } from '../../core/shell.js';
import { counted, formatBytes, formatCount, formatPercent } from '../../core/units.js';
import { compileGlob, exampleKey } from '../glob.js';
import type { Advice, InspectResult } from './result.js';

/** Types of Redis that `cache get` does not show. */
const unreadable: ReadonlySet<string> = new Set(['list', 'set', 'zset', 'stream']);

/** What to do about what was found, the most pressing first. */
export function advise(result: Omit<InspectResult, 'advice'>): Advice[] {
  const { level } = result;
  const advice: Advice[] = [];

  for (const node of result.nodes) {
    const full = node.maxMemoryBytes ? node.memoryBytes / node.maxMemoryBytes : 0;
    if (full > 0.9 && node.policy === 'noeviction')
      advice.push({
        finding: `${node.node} uses ${formatPercent(full, 0)} of maxmemory and evicts nothing: writes will soon be refused`,
        command: `metrify cache flush --level ${level} --no-ttl --dry-run`,
      });
    else if (full > 0.9 && (node.evictions ?? 0) > 0)
      advice.push({
        finding: `${node.node} uses ${formatPercent(full, 0)} of maxmemory and has evicted ${counted(node.evictions!, 'key')}`,
        command: `metrify cache flush --level ${level} --idle 1d --dry-run`,
      });
  }
  for (const prefix of result.prefixes) {
    if (prefix.share >= 0.1 && prefix.ttl.withoutTtl > prefix.keys * 0.5 && prefix.keys > 100)
      advice.push({
        // A star matches separators too, so the pattern of one shape may match keys of another.
        finding: `${prefix.prefix} takes ${formatPercent(prefix.share, 0)} of the memory, and ${formatCount(prefix.ttl.withoutTtl)} of its ${counted(prefix.keys, 'key')} never ${prefix.ttl.withoutTtl === 1 ? 'expires' : 'expire'}${alsoMatched(prefix.prefix, result.prefixes)}`,
        command: `metrify cache flush --level ${level} --pattern ${shellWord(prefix.prefix)} --dry-run`,
      });
  }
  for (const key of result.bigKeys)
    if ((key.share ?? 0) >= 0.1 && result.keys > 10)
      advice.push({
        finding: `the ${key.type ?? 'key'} ${key.key} alone takes ${formatPercent(key.share!, 0)} of the memory (${formatBytes(key.bytes!)}): split it, or read it in parts`,
        ...(unreadable.has(key.type ?? '')
          ? {}
          : { command: `metrify cache get --level ${level} ${shellOperand(key.key)}` }),
      });
  const masters = result.nodes.filter((node) => node.slots !== undefined);
  const fair = 1 / Math.max(1, masters.length);
  for (const node of masters)
    if (masters.length > 1 && result.keys > 1000 && node.share > fair * 1.25)
      advice.push({
        finding: `${node.node} holds ${formatPercent(node.share, 0)} of the keys on ${formatPercent((node.slots ?? 0) / 16_384, 0)} of the slots`,
        command: 'metrify cache cluster check',
      });
  const [slot] = result.slots ?? [];
  if (slot && slot.share > 0.05 && slot.keys > 100)
    advice.push({
      finding: `slot ${slot.slot} alone holds ${formatPercent(slot.share, 0)} of the keys: a hash tag in braces keeps them together`,
      command: 'metrify cache cluster check',
    });
  if ((result.fragmentation ?? 0) > 1.5 && result.memoryBytes > 64 * 1024 * 1024)
    advice.push({
      finding: `memory is fragmented ${result.fragmentation!.toFixed(1)}-fold: the system gave more than the data needs`,
      command: 'redis-cli config set activedefrag yes',
    });
  const reads = result.nodes.reduce((sum, { hits = 0, misses = 0 }) => sum + hits + misses, 0);
  if (result.hitRatio !== undefined && result.hitRatio < 0.5 && reads > 10_000)
    advice.push({
      finding: `only ${formatPercent(result.hitRatio, 0)} of the reads hit since the server started`,
      command: 'metrify cache warm --help',
    });
  return advice;
}

function alsoMatched(prefix: string, all: InspectResult['prefixes']): string {
  const matches = compileGlob(prefix);
  const others = all
    .filter((other) => other.prefix !== prefix && matches(exampleKey(other.prefix)))
    .slice(0, 3);
  return others.length === 0
    ? ''
    : ` (its pattern matches ${others.map((other) => other.prefix).join(', ')} too)`;
}
