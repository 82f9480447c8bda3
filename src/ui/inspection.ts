import type { InspectResult } from '../lib/cache/inspect/result.js';
import { counted, formatBytes, formatCount, formatDuration, formatPercent } from '../lib/core/units.js';
import type { Printer } from '../runtime/printer.js';

const shownPrefixes = 15;
/** Shown for a key without a single character. */
const noName = '(empty)';

/** An inspection as a person reads it. */
export function presentInspection(result: InspectResult, printer: Printer): void {
  const sampled = result.mode === 'sample';
  printer.heading(`${result.level} at ${result.target}`);
  if (result.keys === 0) {
    const looked = sampled
      ? ` among the ${counted(result.sampled, 'key')} looked at (--exact looks at all)`
      : '';
    printer.line(`no key${result.nodes.some(({ keys }) => keys > 0) ? ` matches${looked}` : ''}`);
    return;
  }
  const facts: [string, string][] = [
    [
      'keys',
      sampled
        ? `${formatCount(result.keys)}, estimated from ${formatCount(result.sampled)} of them`
        : formatCount(result.keys),
    ],
    [
      'memory',
      `${formatBytes(result.memoryBytes)}${result.memoryError === undefined ? '' : ` ± ${formatBytes(result.memoryError)}`} in keys and values`,
    ],
  ];
  if (result.types.length > 1)
    facts.push([
      'types',
      result.types
        .map(({ type, keys, bytes }) => `${formatCount(keys)} ${type} (${formatBytes(bytes)})`)
        .join(', '),
    ]);
  if (result.hitRatio !== undefined)
    facts.push(['hit ratio', `${formatPercent(result.hitRatio)} since the server started`]);
  if (result.evictions !== undefined) facts.push(['evictions', formatCount(result.evictions)]);
  if (result.fragmentation !== undefined)
    facts.push(['fragmentation', `${result.fragmentation.toFixed(2)} ×`]);
  printer.facts(facts);

  printer.line();
  printer.table({
    columns: [
      { title: 'prefix', cut: true },
      { title: 'keys', align: 'right' },
      { title: 'size', align: 'right' },
      { title: 'share', align: 'right' },
      { title: ' '.repeat(20), optional: true },
      { title: 'expiry' },
    ],
    rows: result.prefixes
      .slice(0, shownPrefixes)
      .map((prefix) => [
        prefix.prefix || printer.dim(noName),
        formatCount(prefix.keys) + (prefix.keysError ? ` ± ${formatCount(prefix.keysError)}` : ''),
        formatBytes(prefix.bytes),
        formatPercent(prefix.share),
        printer.bar(prefix.share),
        describeExpiry(prefix),
      ]),
  });
  if (result.prefixes.length > shownPrefixes)
    printer.line(printer.dim(`and ${result.prefixes.length - shownPrefixes} more (--json has them all)`));

  printer.line();
  const largest = Math.max(1, ...result.ttlHistogram.map(({ keys }) => keys));
  printer.table({
    columns: [{ title: 'expires within' }, { title: 'keys', align: 'right' }, { title: '', optional: true }],
    rows: result.ttlHistogram.map(({ upTo, keys }) => [upTo, formatCount(keys), printer.bar(keys / largest)]),
  });

  keyTable('big keys', result.bigKeys, printer);
  if (result.hotKeys.length > 0) keyTable('hot keys', result.hotKeys, printer);

  if (result.nodes.length > 1) {
    printer.line();
    printer.table({
      columns: [
        { title: 'node', cut: true },
        { title: 'keys', align: 'right' },
        { title: 'share', align: 'right' },
        { title: 'memory', align: 'right' },
        { title: 'slots', align: 'right' },
      ],
      rows: result.nodes.map((node) => [
        node.node,
        formatCount(node.keys),
        formatPercent(node.share),
        formatBytes(node.memoryBytes),
        node.slots === undefined ? '' : formatCount(node.slots),
      ]),
    });
  }
  printer.line();
  if (result.advice.length === 0) printer.ok('nothing to advise');
  for (const { finding, command } of result.advice) {
    printer.warn(finding);
    if (command) printer.command(command, 6);
  }
}

function describeExpiry({ keys, ttl }: InspectResult['prefixes'][number]): string {
  if (ttl.withoutTtl >= keys) return 'never';
  const average = ttl.averageMs === undefined ? '' : `in ${formatDuration(ttl.averageMs)} on average`;
  return ttl.withoutTtl === 0 ? average : `${average}, ${formatCount(ttl.withoutTtl)} never`;
}

function keyTable(title: string, keys: InspectResult['bigKeys'], printer: Printer): void {
  if (keys.length === 0) return;
  printer.line();
  const counted = keys.some(({ elements }) => elements !== undefined);
  printer.table({
    columns: [
      { title, cut: true },
      { title: 'size', align: 'right' },
      ...(counted ? [{ title: 'elements', align: 'right' as const }] : []),
      { title: 'type' },
    ],
    rows: keys.map((key) => [
      key.key || printer.dim(noName),
      key.bytes === undefined ? '' : formatBytes(key.bytes),
      ...(counted ? [key.elements === undefined ? '' : formatCount(key.elements)] : []),
      key.type ?? '',
    ]),
  });
}
