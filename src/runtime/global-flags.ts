import { type FlagValues, type Flags, flag } from './flags.js';

/** Flags of every command. `dryRun` and `junit` are offered only where they mean something. */
export const globalFlags = {
  config: flag.file({ help: 'configuration file (default: the nearest metrify.config.yaml upward)' }),
  env: flag.text({ placeholder: 'NAME', help: 'environment of that file (default: default)' }),
  output: flag.choice(['text', 'json', 'ndjson'], { help: 'how the result is printed', default: 'text' }),
  json: flag.boolean('same as --output json'),
  yes: flag.boolean('answer harmless questions with yes'),
  confirm: flag.text({ placeholder: 'NAME', help: 'name the target of a destructive command' }),
  noInput: flag.boolean('never ask'),
  quiet: flag.boolean('only the result and errors'),
  verbose: flag.boolean('say more; a bug prints its stack'),
  noColor: flag.boolean('plain text (also: NO_COLOR)'),
  timeout: flag.duration({ help: 'bound the whole command; exit 124 when it runs out' }),
  lock: flag.text({
    placeholder: 'NAME',
    help: 'single instance on this host; a second run exits 4 at once',
  }),
  metricsFile: flag.file({ help: 'write run metrics for the node exporter to this file' }),
  job: flag.text({ placeholder: 'NAME', help: "job label of those metrics (default: the lock's name)" }),
} satisfies Flags;

/** Flags that only some commands have, but all of those in the same way. */
export const sharedFlags = {
  dryRun: flag.boolean('print the plan, change nothing'),
  junit: flag.file({ help: 'write one test case a check to this file' }),
} satisfies Flags;

export const shortFlags: Partial<Record<keyof typeof globalFlags, string>> = {
  config: '-c',
  env: '-e',
  output: '-o',
  yes: '-y',
  quiet: '-q',
  verbose: '-v',
};

export type GlobalValues = FlagValues<typeof globalFlags> & Partial<FlagValues<typeof sharedFlags>>;
