import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

import { UserError } from '../../lib/core/errors.js';
import { counted, formatBytes, formatCount } from '../../lib/core/units.js';
import { howToContinue } from '../../lib/runs/continue.js';
import { copyIndex, type CopyOptions, type CopyResult } from '../../lib/search/copy/copy.js';
import { copyDocuments, type DocumentsPlan } from '../../lib/search/copy/documents.js';
import { type CopyPlan, planCopy } from '../../lib/search/copy/plan.js';
import { bytesOfPairs } from '../../lib/search/verify/pair-file.js';
import { changeCommand, type Check } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { openTarget } from './shared/engine.js';

interface Preview {
  readonly source: string;
  readonly destination: string;
  readonly documents: number;
  /** An earlier run began it. */
  readonly continues: boolean;
  readonly aliases: readonly string[];
  readonly leftOut: readonly string[];
  /** Of disk, for the comparison at the end. */
  readonly temporaryBytes: number;
}

const target = { placeholder: 'TARGET', complete: 'environments' };

export const copy = changeCommand({
  name: 'search copy',
  summary: 'copy an index to another cluster or name, with mapping, settings and aliases',
  synonyms: ['clone', 'migrate', 'dump', 'elasticdump'],
  description:
    'A target is an environment of the configuration: ENV, ENV/elasticsearch or ENV/solr. Documents are copied byte by byte, with their ' +
    'routing and versions, in the order of their sequence numbers: what is written to the source meanwhile is copied as well. ' +
    'Both sides are compared at the end, by id and content; only then does the copy get its aliases. Until then it has an alias ' +
    'metrify-copy-of-…, by which the next run finds it and continues; --resume FILE saves it from reading everything again. ' +
    'From or to Solr the documents alone are copied, into an index or core that is there and empty.',
  args: { index: { help: 'an index, or an alias of one', required: true } },
  flags: {
    from: flag.text({ ...target, help: 'where it is' }),
    to: flag.text({ ...target, help: 'where the copy goes' }),
    rename: flag.text({ placeholder: 'NAME', help: 'name of the copy, where it is to have another one' }),
    resume: flag.file({
      access: 'write',
      help: 'checkpoint: saved while running, continued from when it exists',
    }),
  },
  examples: [
    {
      does: 'from Elasticsearch 7 to 9, two environments of the configuration',
      command: 'metrify search copy sensors --from es7 --to es9 --resume copy.json',
    },
    {
      does: 'what would be copied, and what the other cluster cannot take over',
      command: 'metrify search copy sensors --from es7 --to opensearch --dry-run',
    },
    {
      does: 'the documents of a core of Solr, into an index of another environment that setup has made',
      command: 'metrify search copy sensors --from old/solr --to new/elasticsearch --resume copy.json',
    },
  ],
  junit: true,

  async prepare(input, context): Promise<CopyPlan | DocumentsPlan> {
    const { from, to } = input;
    if (from === undefined || to === undefined)
      throw new UserError(`--${from === undefined ? 'from' : 'to'} is missing`, {
        hint: 'Name an environment of the configuration: --from staging --to production',
      });
    return planCopy(
      {
        from: await openTarget(from, context),
        to: await openTarget(to, context),
        index: input.index,
        rename: input.rename,
        resume: input.resume === undefined ? undefined : resolve(context.cwd, input.resume),
      },
      context.signal,
    );
  },

  preview: (plan): Preview => ({
    source: `${plan.index} at ${plan.source.address}`,
    destination: `${plan.name} at ${plan.engine.address}`,
    documents: plan.documents,
    ...(plan.kind === 'index'
      ? {
          continues: plan.begun !== undefined,
          aliases: Object.keys(plan.definition.aliases),
          leftOut: plan.definition.leftOut,
        }
      : { continues: plan.continues, aliases: [], leftOut: plan.leftOut }),
    temporaryBytes: bytesOfPairs(2 * plan.documents),
  }),

  presentPreview({ source, destination, documents, continues, aliases, leftOut, temporaryBytes }, printer) {
    printer.heading(`Would copy ${counted(documents, 'document')} of ${source} to ${destination}`);
    if (continues) printer.line('An earlier run began it: this one would continue.');
    printer.line(`The comparison at the end needs ${formatBytes(temporaryBytes)} in ${tmpdir()}.`);
    if (aliases.length > 0) printer.line(`Aliases: ${aliases.join(', ')}`);
    presentLeftOut(leftOut, printer);
  },

  async run(plan, context) {
    const options: CopyOptions = {
      clock: context.clock,
      signal: context.signal,
      temporaryFolder: tmpdir(),
      listed: 20,
      during: (label, work) => context.during(label, 'documents', work),
      waits: ({ reason }) => context.warn(`waiting: ${reason}`),
      notWritten: (problem) => context.notWritten(problem),
      started: (soFar) =>
        context.applied(soFar, () =>
          hasBegun(soFar())
            ? howToContinue({
                checkpoint: plan.resume,
                wouldContinueWith: '--resume FILE',
                error: context.signal.reason,
              })
            : undefined,
        ),
    };
    const result =
      plan.kind === 'index' ? await copyIndex(plan, options) : await copyDocuments(plan, options);
    return { ...conclusionOf(result), result };
  },

  counts: ({ copied, kept, rejected }) => ({ copied, kept, rejected }),

  present(result, printer) {
    // The error says it all.
    if (!hasBegun(result)) return;
    const { source, destination, copied, kept, rejected, rejections, leftOut, aliases, comparison } = result;
    for (const { id, reason } of rejections) printer.bad(`${id}: ${reason}`);
    presentLeftOut(leftOut, printer);
    const there = kept > 0 ? `, ${formatCount(kept)} newer there` : '';
    const line = `${source} to ${destination}: ${counted(copied, 'document')} copied${there}`;
    if (rejected > 0)
      printer.bad(
        `${line}, ${formatCount(rejected)} rejected: the copy is not complete, and has no aliases yet`,
      );
    else if (comparison === undefined)
      printer.bad(`${line} so far: the copy is not complete, and has no aliases yet`);
    else if (!result.complete) {
      const { missing, extra, stale } = comparison;
      printer.bad(
        `${line}, but ${counted(missing + extra + stale, 'document')} still differ: the copy has no aliases yet. Run it again.`,
      );
    } else {
      printer.ok(`${line}, all ${formatCount(comparison.compared)} equal`);
      if (aliases.length > 0) printer.line(`      aliases: ${aliases.join(', ')}`);
      if (comparison.changing > 0)
        printer.warn(
          `${counted(comparison.changing, 'document')} not judged: written while they were compared`,
        );
    }
  },
});

function hasBegun({ copied, kept, rejected, comparison }: CopyResult): boolean {
  return copied + kept + rejected > 0 || comparison !== undefined;
}

function presentLeftOut(leftOut: readonly string[], printer: Printer): void {
  for (const line of leftOut) printer.warn(`left out: ${line}`);
}

function conclusionOf({ rejected, complete, comparison }: CopyResult): {
  verdict: 'ok' | 'failed' | 'partial' | 'inconclusive';
  checks: Check[];
} {
  const { missing = 0, extra = 0, stale = 0, changing = 0 } = comparison ?? {};
  const differing = missing + extra + stale;
  const checks: Check[] = [
    { name: 'every document is taken', ...(rejected > 0 && { failure: counted(rejected, 'document') }) },
    {
      name: 'the copy equals the source',
      ...(!complete && { failure: comparison ? counted(differing, 'document') : 'not compared' }),
    },
  ];
  if (rejected > 0) return { verdict: 'partial', checks };
  if (!complete) return { verdict: 'failed', checks };
  return { verdict: changing > 0 ? 'inconclusive' : 'ok', checks };
}
