import { resolve } from 'node:path';

import { ServiceConflict, UserError } from '../../lib/core/errors.js';
import { counted } from '../../lib/core/units.js';
import type { ElasticClient } from '../../lib/search/elastic/client.js';
import { applySetup } from '../../lib/search/setup/apply.js';
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
import { readSynonymsFile } from '../../lib/search/setup/synonyms.js';
import { validate } from '../../lib/search/setup/validate.js';
import type { SolrClient } from '../../lib/search/solr/client.js';
import { changeCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag, type FlagValues } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { elasticClientOf } from './shared/elastic.js';
import { engineFlags, openConfigured } from './shared/engine.js';

interface Prepared {
  target: string;
  lacks: readonly string[];
  changes: readonly Change[];
  /** With `--print`. */
  requests: readonly SetupRequest[] | undefined;
  apply(made: (change: Change) => void): Promise<void>;
}

interface Result {
  target: string;
  /** What the server does not have, a line each. */
  lacks: readonly string[];
  changes: { what: string; action: Change['action']; differences: string[] }[];
  requests?: readonly SetupRequest[];
}

const flags = {
  from: flag.parsed('DIR', (text) => text, {
    help: 'your own: files NAME.json or .yaml in index-templates, component-templates, lifecycle-policies and indices',
  }),
  synonyms: flag.file({
    access: 'read',
    help: 'a rule a line, instead of those of the configuration: trafo, transformer',
  }),
  templatesOnly: flag.boolean('templates and policies: indices that are there stay as they are'),
  print: flag.boolean('print the requests that build it from nothing, for curl or Terraform; change nothing'),
  ...engineFlags,
};

type Input = FlagValues<typeof flags>;

export const setup = changeCommand({
  name: 'search setup',
  summary: 'create templates, mappings and aliases of sensors, meter-readings and events, or of your own',
  synonyms: ['init', 'create', 'bootstrap', 'template', 'templates', 'mapping', 'put-mapping'],
  description:
    'Compares what the server has with what it should have, and changes the differences: a second run changes nothing. ' +
    'Everything is checked before anything is changed. Where the server has no data streams, meter-readings is an index ' +
    'a month: run it daily, so that a new month gets its index.',
  flags,
  examples: [
    { does: 'what would change', command: 'metrify search setup --dry-run' },
    { does: 'templates that are kept in Git', command: 'metrify search setup --from search/' },
    { does: 'for another tool', command: 'metrify search setup --print -o json' },
  ],
  items: 'changes',

  async prepare(input, context): Promise<Prepared> {
    const engine = await openConfigured(input, context, 'search setup');
    const { SolrEngine } = await import('../../lib/search/solr/engine.js');
    if (engine instanceof SolrEngine) return prepareSolr(engine.client, input, context);
    return prepareElastic(await elasticClientOf(engine, 'search setup'), input, context);
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
    await prepared.apply((change) => made.push(change));
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

async function prepareElastic(
  client: ElasticClient,
  { from, synonyms, templatesOnly, print }: Input,
  context: Context,
): Promise<Prepared> {
  const { signal, clock } = context;
  const { search } = await context.settings();
  const rules =
    synonyms === undefined ? search?.synonyms : await readSynonymsFile(resolve(context.cwd, synonyms));
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
  if (print) return printed(client.name, lacks, creations(wanted, now));
  const { changes, fixed } = await planSetup(client, wanted, capabilities, now, signal);
  if (fixed.length > 0)
    throw fixedMappings(
      fixed,
      ([first]) =>
        `metrify search setup --templates-only, then metrify search reindex ${first!.name} --template`,
    );
  if (changes.length > 0) await validate(client, wanted, signal);
  return {
    target: client.name,
    lacks,
    changes,
    requests: undefined,
    apply: (made) => applySetup(client, changes, signal, made),
  };
}

/** Fields and their types in the schemas of cores that are there. */
async function prepareSolr(
  client: SolrClient,
  { from, synonyms, templatesOnly, print }: Input,
  { signal }: Context,
): Promise<Prepared> {
  const unusable = Object.entries({
    '--from': from,
    '--synonyms': synonyms,
    '--templates-only': templatesOnly,
  });
  const given = unusable.find(([, value]) => value !== undefined && value !== false)?.[0];
  if (given !== undefined)
    throw new UserError(`${given} cannot be used with Solr: its cores have a schema, and no templates`, {
      code: 'ENGINE_LACKS',
    });
  const { planSolr, solrRequests } = await import('../../lib/search/setup/solr.js');
  const lacks = ['no lifecycle of indices, and no synonyms but those of the configuration on the server'];
  if (print) return printed(client.name, lacks, solrRequests(builtIn));
  const { changes, fixed } = await planSolr(client, builtIn, signal);
  if (fixed.length > 0) throw fixedMappings(fixed, () => 'a second core, filled with metrify search copy');
  return {
    target: client.name,
    lacks,
    changes,
    requests: undefined,
    async apply(made) {
      // Cores may share one schema: what one of them gets the next one has.
      for (const index of builtIn)
        await applySetup(client, (await planSolr(client, [index], signal)).changes, signal, made);
    },
  };
}

function printed(target: string, lacks: readonly string[], requests: readonly SetupRequest[]): Prepared {
  return { target, lacks, changes: [], requests, apply: () => Promise.resolve() };
}

function resultOf({ target, lacks, requests }: Prepared, changes: readonly Change[]): Result {
  return {
    target,
    lacks,
    changes: changes.map(({ what, action, differences }) => ({
      what,
      action,
      differences: differences.map(differenceText),
    })),
    ...(requests === undefined ? {} : { requests }),
  };
}

function fixedMappings(fixed: readonly Fixed[], way: (fixed: readonly Fixed[]) => string): ServiceConflict {
  const all = fixed.map(
    ({ index, differences }) => `${index} (${differences.map(differenceText).join('; ')})`,
  );
  return new ServiceConflict(`what an index was created with cannot be changed: ${all.join(', ')}`, {
    code: 'MAPPING_FIXED',
    hint: `Nothing was changed. A new index can have it: ${way(fixed)}`,
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
