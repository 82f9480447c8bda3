import { queueStatus } from '../../../lib/cache/write-behind/queue.js';
import { shellOperand } from '../../../lib/core/shell.js';
import { counted, formatCount, formatDuration } from '../../../lib/core/units.js';
import { readCommand } from '../../../runtime/command.js';
import { openConfiguredRedis } from '../shared/redis.js';
import { redisUrl } from '../shared/flags.js';

export const status = readCommand({
  name: 'cache queue status',
  summary: 'what waits for the database, and what it refused',
  synonyms: ['ls', 'list', 'show', 'keys', 'scan', 'info'],
  flags: { redisUrl },
  examples: [
    { does: 'the queue', command: 'metrify cache queue status' },
    { does: 'for an alert', command: 'metrify cache queue status --json | jq .result.oldestMs' },
  ],
  items: 'held',

  async read(_, context) {
    return { verdict: 'ok', result: await queueStatus(await openConfiguredRedis(context)) };
  },

  present(result, printer) {
    const { waiting, oldestMs, dead, lost, worked, partitions, held, heldKeys } = result;
    if (partitions.length === 0) {
      printer.line(`There is no queue at ${result.target}: no write was queued there yet.`);
      printer.line(
        "Queue one with 'metrify cache set --write-behind --table T', or from a service; 'metrify cache worker' drains it.",
      );
      return;
    }
    printer.facts([
      [
        'waiting',
        `${formatCount(waiting)}${waiting > 0 ? `, the oldest for ${formatDuration(oldestMs)}` : ''}`,
      ],
      ['put aside', `${formatCount(dead)}${heldKeys > 0 ? ` of ${counted(heldKeys, 'key')}` : ''}`],
      ['lost', formatCount(lost)],
      [
        'worker',
        worked === 0 ? 'none is running' : `on ${worked} of ${counted(partitions.length, 'partition')}`,
      ],
    ]);
    const busy = partitions.filter((one) => one.waiting + one.dead + one.lost > 0);
    if (busy.length > 0) {
      printer.line();
      printer.table({
        columns: [
          { title: 'partition', align: 'right' },
          { title: 'waiting', align: 'right' },
          { title: 'oldest', align: 'right' },
          { title: 'aside', align: 'right' },
          { title: 'lost', align: 'right' },
          { title: 'worker' },
        ],
        rows: busy.map((one) => [
          String(one.partition),
          formatCount(one.waiting),
          one.waiting > 0 ? formatDuration(one.oldestMs) : '',
          formatCount(one.dead),
          formatCount(one.lost),
          one.worker ?? 'none',
        ]),
      });
    }
    if (held.length === 0) return;
    printer.line();
    printer.table({
      columns: [
        { title: 'key', cut: true },
        { title: 'writes', align: 'right' },
        { title: 'for', align: 'right' },
        { title: 'reason' },
      ],
      rows: held.map((one) => [one.key, formatCount(one.entries), formatDuration(one.ageMs), one.reason]),
    });
    if (heldKeys > held.length)
      printer.line(printer.dim(`and ${counted(heldKeys - held.length, 'more key')}`));
    const example = shellOperand(held[0]!.key);
    printer.line();
    printer.commands([
      {
        command: `metrify cache queue retry ${example}`,
        does: 'once the cause is mended; --all for all keys',
      },
      { command: `metrify cache queue drop ${example}`, does: 'gives up its refused write' },
    ]);
  },
});
