import { type FlagValues, type Flags, flag } from './flags.js';

const configuration = {
  config: flag.file({
    access: 'read',
    short: 'c',
    help: 'configuration file (default: $METRIFY_CONFIG, else the nearest metrify.config.yaml upward)',
  }),
  env: flag.text({
    short: 'e',
    complete: 'environments',
    placeholder: 'NAME',
    help: 'environment of that file (default: $METRIFY_ENV, else default)',
  }),
} satisfies Flags;

const output = {
  output: flag.choice(['text', 'json', 'ndjson'], {
    short: 'o',
    help: 'how the result is printed',
    default: 'text',
  }),
  json: flag.boolean('same as --output json'),
  quiet: flag.boolean('no text when all is well; what is not well, on stderr', { short: 'q' }),
  verbose: flag.boolean('say more; a bug prints its stack', { short: 'v' }),
  noColor: flag.boolean('plain text (also: NO_COLOR)'),
} satisfies Flags;

const answers = {
  confirm: flag.text({ placeholder: 'NAME', help: 'name the target of a destructive command' }),
  noInput: flag.boolean('never ask'),
} satisfies Flags;

const unattended = {
  timeout: flag.duration({ help: 'bound the whole command; exit 124 when it runs out' }),
  lock: flag.text({
    placeholder: 'NAME',
    help: 'single instance on this host; a second run exits 4 at once',
  }),
  metricsFile: flag.file({
    access: 'write',
    help: 'write run metrics for the node exporter to this file, also while running',
  }),
  job: flag.text({ placeholder: 'NAME', help: "job label of those metrics (default: the lock's name)" }),
} satisfies Flags;

/** Flags of every command. `dryRun` and `junit` are offered only where they mean something. */
export const globalFlags = { ...configuration, ...output, ...answers, ...unattended } satisfies Flags;

/** The same, as help and the reference show them. */
export const globalFlagGroups: readonly { title: string; flags: Flags }[] = [
  { title: 'Configuration', flags: configuration },
  { title: 'Output', flags: output },
  { title: 'Questions', flags: answers },
  { title: 'Unattended runs', flags: unattended },
];

/** Flags that only some commands have, but all of those in the same way. */
export const sharedFlags = {
  dryRun: flag.boolean('print the plan, change nothing'),
  junit: flag.file({ access: 'write', help: 'write one test case a check to this file' }),
} satisfies Flags;

/** A command's own flags and those it shares with its kind. */
export function commandFlags(command: { flags: Flags; changes: boolean; junit: boolean }): Flags {
  return {
    ...command.flags,
    ...(command.changes ? { dryRun: sharedFlags.dryRun } : {}),
    ...(command.junit ? { junit: sharedFlags.junit } : {}),
  };
}

export type GlobalValues = FlagValues<typeof globalFlags> & Partial<FlagValues<typeof sharedFlags>>;
