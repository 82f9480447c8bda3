import { UserError } from '../../../lib/core/errors.js';
import { readGlob } from '../../../lib/cache/glob.js';
import { flag, type Flags } from '../../../runtime/flags.js';
import { sourceFlags } from '../../shared/source/flags.js';

const both = {
  rate: flag.count({ help: 'at most so many rows, or requests, a second' }),
  verify: flag.text({
    placeholder: 'N|all',
    complete: ['all'],
    help: 'compare so many of the written keys afterwards; with --access-log: ask for so many paths again (default: 200)',
  }),
} satisfies Flags;

/** Flags of the form that writes rows to cache levels. */
export const rowFlags = {
  ...sourceFlags,
  key: flag.text({ placeholder: 'TEMPLATE', help: "key of each row: 'meter:{meter_id}:latest'" }),
  value: flag.text({
    placeholder: 'json|hash|column:C',
    complete: ['json', 'hash', 'column:'],
    help: 'what is stored: the row as JSON, as a Redis hash, or one column',
    default: 'json',
  }),
  ttl: flag.duration({ help: "time to live (default: the level's, else none)" }),
  ttlJitter: flag.percent({ help: 'spread expiry: each key gets the TTL ± this share' }),
  to: flag.list({ complete: 'levels', help: 'levels to write to, by name or type (default: the first)' }),
  nx: flag.boolean('write only keys that do not exist'),
  resume: flag.file({
    access: 'write',
    help: 'checkpoint: saved while running, continued from when it exists',
  }),
  deadLetter: flag.file({
    access: 'write',
    help: 'where rows that could not be written go, a JSON object a line',
  }),
  ...both,
} satisfies Flags;

const paths = flag.list({ placeholder: 'GLOB', help: "paths to leave out: '/api/*'" });

/** Flags of the form that requests what an access log shows. */
export const httpFlags = {
  accessLog: flag.file({
    access: 'read',
    help: "request a log's distinct paths, most frequent first (.gz and pipes too)",
  }),
  url: flag.text({ placeholder: 'BASE', help: 'the cache that --access-log warms: http://127.0.0.1:8080' }),
  host: flag.text({
    placeholder: 'NAME',
    help: 'site to ask for (Host header); lines of others are left out',
  }),
  maxPaths: flag.count({ help: 'only so many of the most frequent paths' }),
  exclude: {
    ...paths,
    parse: (text: string) => (paths.parse(text) as string[]).map(readGlob),
  },
  concurrency: flag.count({ help: 'requests at a time', default: '8' }),
  ...both,
} satisfies Flags;

/** `--verify N|all`. */
export function parseVerify(text: string | undefined): number | 'all' | undefined {
  if (text === undefined || text === 'all') return text;
  if (!/^[1-9]\d*$/.test(text)) throw new UserError(`--verify '${text}' is neither a number nor all`);
  return Number(text);
}
