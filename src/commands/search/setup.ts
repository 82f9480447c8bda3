import { resolve } from 'node:path';

import { ServiceConflict, UserError } from '../../lib/core/errors.js';
import { counted } from '../../lib/core/units.js';
import { applySetup, type SetupClient } from '../../lib/search/setup/apply.js';
import { wantedOf } from '../../lib/search/setup/built-in.js';
import { lacking, probe } from '../../lib/search/setup/capabilities.js';
import { differenceText } from '../../lib/search/setup/compare.js';
import { builtIn } from '../../lib/search/setup/fields.js';
import { readFolder } from '../../lib/search/setup/folder.js';
import {
  type Change,
  creations,
  type Fixed,
  planSetup,
  type SetupRequest,
} from '../../lib/search/setup/plan.js';
import type { SearchEngine } from '../../lib/search/engine.js';
import { readSynonymsFile } from '../../lib/search/setup/synonyms.js';
import { validate } from '../../lib/search/setup/validate.js';
import type { SolrEngine } from '../../lib/search/solr/engine.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { elasticClientOf } from './shared/elastic.js';
import { engineFlags, openConfigured } from './shared/engine.js';

interface Prepared {
  client: SetupClient;
  lacks: readonly string[];
  changes: readonly Change[];
  /** With `--print`. */
  requests: readonly SetupRequest[] | undefined;
}

interface Result {
  target: string;
  /** What the server does not have, a line each. */
  lacks: readonly string[];
  changes: { what: string; action: Change['action']; differences: string[] }[];
  requests?: readonly SetupRequest[];
}

export const setup = changeCommand({
  name: 'search setup',
  summary: 'create templates, mappings and aliases of sensors, meter-readings and events, or of your own',
  synonyms: ['init', 'create', 'bootstrap', 'template', 'templates', 'mapping', 'put-mapping'],
  description:
    'Compares what the server has with what it should have, and changes the differences: a second run changes nothing. ' +
    'Everything is checked before anything is changed. Where the server has no data streams, meter-readings is an index ' +
    'a month: run it daily, so that a new month gets its index.',
  flags: {
    from: flag.parsed('DIR', (text) => text, {
      help: 'your own: files NAME.json or .yaml in index-templates, component-templates, lifecycle-policies and indices',
    }),
    synonyms: flag.file({
      access: 'read',
      help: 'a rule a line, instead of those of the configuration: trafo, transformer',
    }),
    templatesOnly: flag.boolean('templates and policies: indices that are there stay as they are'),
    print: flag.boolean(
      'print the requests that build it from nothing, for curl or Terraform; change nothing',
    ),
    ...engineFlags,
  },
  examples: [
    { does: 'what would change', command: 'metrify search setup --dry-run' },
    { does: 'templates that are kept in Git', command: 'metrify search setup --from search/' },
    { does: 'for another tool', command: 'metrify search setup --print -o json' },
  ],
  items: 'changes',

  async prepare({ from, synonyms, templatesOnly, print, engine }, context): Promise<Prepared> {
    const { signal, clock } = context;
    const opened = await openConfigured({ engine }, context, 'search setup');
    const { search } = await context.settings();
    const rules =
      synonyms === undefined ? search?.synonyms : await readSynonymsFile(resolve(context.cwd, synonyms));
    if (opened.kind === 'solr') {
      if (from !== undefined || templatesOnly)
        throw new UserError('templates are of Elasticsearch or OpenSearch: Solr has none', {
          code: 'ENGINE_LACKS',
        });
      return prepareSolr(opened, (rules ?? []).length > 0, print, signal);
    }
    const client = await elasticClientOf(opened, 'search setup');
    const settings = { ...search, synonyms: rules ?? [], retention: search?.retention ?? {} };
    const capabilities = await probe(client, signal);
    const all =
      from === undefined
        ? wantedOf(builtIn, capabilities, settings)
        : await readFolder(resolve(context.cwd, from));
    const wanted = templatesOnly ? { ...all, named: [] } : all;
    const lacks =
      from === undefined
        ? lacking(capabilities, {
            synonyms: settings.synonyms.length > 0,
            retention: settings.retention['meter-readings'] !== undefined,
          })
        : [];
    const now = new Date(clock.now());
    if (print) return { client, lacks, changes: [], requests: creations(wanted, now) };
    const { changes, fixed } = await planSetup(client, wanted, capabilities, now, signal);
    if (fixed.length > 0)
      throw fixedMappings(
        fixed,
        `metrify search setup --templates-only, then metrify search reindex ${fixed[0]!.name} --template`,
      );
    if (changes.length > 0) await validate(client, wanted, signal);
    return { client, lacks, changes, requests: undefined };
  },

  preview: (prepared) => resultOf(prepared, prepared.changes),

  presentPreview(result, printer) {
    if (presentRequests(result, printer)) return;
    presentLacks(result, printer);
    printer.heading(
      result.changes.length === 0
        ? `Would change nothing at ${result.target}`
        : `Would change at ${result.target}`,
    );
    presentChanges(result, printer);
  },

  async run(prepared, context) {
    const made: Change[] = [];
    if (prepared.changes.length > 0)
      context.applied(
        () => resultOf(prepared, made),
        () => 'Run the same command again.',
      );
    await applySetup(prepared.client, prepared.changes, context.signal, (change) => made.push(change));
    return { verdict: 'ok', result: resultOf(prepared, made) };
  },

  counts: ({ changes }) => ({ changed: changes.length }),

  present(result, printer) {
    if (presentRequests(result, printer)) return;
    presentLacks(result, printer);
    presentChanges(result, printer);
    printer.ok(
      result.changes.length === 0
        ? `nothing to change at ${result.target}`
        : `${counted(result.changes.length, 'change')} at ${result.target}`,
    );
  },
});

async function prepareSolr(
  engine: SearchEngine,
  hasSynonyms: boolean,
  print: boolean,
  signal: AbortSignal,
): Promise<Prepared> {
  const { planSolrSetup, solrCreations } = await import('../../lib/search/solr/setup.js');
  const { client } = engine as SolrEngine;
  if (print) return { client, lacks: [], changes: [], requests: solrCreations(client, builtIn) };
  const { changes, fixed, lacks } = await planSolrSetup(client, builtIn, hasSynonyms, signal);
  if (fixed.length > 0)
    throw fixedMappings(fixed, 'fill another core with metrify search copy, and swap them');
  return { client, lacks, changes, requests: undefined };
}

function resultOf({ client, lacks, requests }: Prepared, changes: readonly Change[]): Result {
  return {
    target: client.name,
    lacks,
    changes: changes.map(({ what, action, differences }) => ({
      what,
      action,
      differences: differences.map(differenceText),
    })),
    ...(requests === undefined ? {} : { requests }),
  };
}

/** @param way to an index that has it */
function fixedMappings(fixed: readonly Fixed[], way: string): ServiceConflict {
  const all = fixed.map(
    ({ index, differences }) => `${index} (${differences.map(differenceText).join('; ')})`,
  );
  return new ServiceConflict(`what an index was created with cannot be changed: ${all.join(', ')}`, {
    code: 'MAPPING_FIXED',
    hint: `Nothing was changed. A new index can have it: ${way}`,
  });
}

/** As the console of Kibana and of OpenSearch Dashboards takes them. */
function presentRequests({ requests }: Result, printer: Printer): boolean {
  for (const { method, path, body } of requests ?? []) {
    printer.line(`${method} ${path}`);
    printer.block(JSON.stringify(body, undefined, 2));
    printer.line();
  }
  return requests !== undefined;
}

function presentLacks({ lacks }: Result, printer: Printer): void {
  for (const line of lacks) printer.line(printer.dim(line));
}

function presentChanges({ changes }: Result, printer: Printer): void {
  for (const { what, action, differences } of changes) {
    printer.line(`  ${action} ${what}`);
    for (const line of differences) printer.line(`      ${line}`);
  }
}
