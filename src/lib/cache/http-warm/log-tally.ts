import { eachLine, type LogFile } from '../../access-log/file.js';
import { FrequentKeys } from '../../access-log/frequent.js';
import { parseLogLine } from '../../access-log/line.js';
import type { LoggedRequest } from '../../access-log/request.js';
import { safeTarget } from '../../access-log/target.js';
import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { maxVariants, variantKey, variantOf, type VariantHeaders } from './variants.js';

export interface WarmPath {
  /** With its query. */
  path: ByteString;
  /** How often the log has it. */
  count: number;
  method: 'GET' | 'HEAD';
  /** As the log shows them, most frequent first; empty where it tells nothing. */
  seen: VariantHeaders[];
}

/** What stood in the log. Counts of lines. */
export interface LogTally {
  read: number;
  /** Neither JSON nor the common or combined format. */
  malformed: number;
  /** Lines left out, and why. */
  skipped: { method: number; status: number; unsafe: number; host: number; excluded: number };
  /** Paths with their queries. */
  distinct: number;
  /** False when the paths did not fit into memory: the least frequent are missing, and counts are at most this much too high. */
  exact: boolean;
  maxError: number;
  /** Sites that the log names, most frequent first; at most 10. */
  hosts: string[];
  /** Requests that were counted: those not skipped. */
  requests: number;
}

export interface TallyOptions {
  /** Only lines that are for this host, where the log says so. */
  host?: string | undefined;
  exclude: (path: ByteString) => boolean;
  signal: AbortSignal;
  progress: Progress;
  /** Above these, rare paths are forgotten. */
  maxKeys?: number;
  maxBytes?: number;
}

/** About 450 MB in all; to request as many takes hours. */
const usualMaxKeys = 500_000;
const usualMaxBytes = 128 * 1024 * 1024;
const maxHosts = 1000;
const shownHosts = 10;

/**
 * The distinct paths of a log, most frequent first. Only what a cache may have kept counts: GET and HEAD that were
 * answered with 2xx or 3xx.
 * @throws UserError `NO_ACCESS_LOG` when no line is one of an access log; the signal's reason.
 */
export async function tallyLog(
  log: LogFile,
  options: TallyOptions,
): Promise<{ paths: WarmPath[]; tally: LogTally }> {
  const keys = new FrequentKeys(options.maxKeys ?? usualMaxKeys, options.maxBytes ?? usualMaxBytes);
  const hosts = new Map<string, number>();
  const skipped = { method: 0, status: 0, unsafe: 0, host: 0, excluded: 0 };
  let read = 0;
  let malformed = 0;
  let requests = 0;

  const count = (request: LoggedRequest): keyof typeof skipped | undefined => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return 'method';
    if (request.status !== undefined && (request.status < 200 || request.status > 399)) return 'status';
    const target = safeTarget(request.target);
    if (!target) return 'unsafe';
    const host = (target.host ?? request.host)?.toLowerCase();
    if (options.host !== undefined && host !== undefined && !sameHost(host, options.host)) return 'host';
    if (options.exclude(target.path)) return 'excluded';
    if (host !== undefined && (hosts.has(host) || hosts.size < maxHosts))
      hosts.set(host, (hosts.get(host) ?? 0) + 1);
    requests++;
    keys.add(`${request.method === 'GET' ? 'G' : 'H'}${target.path}${variantKey(request)}`);
    return undefined;
  };

  await eachLine(
    log,
    options.signal,
    (line) => {
      if (line === '') return;
      read++;
      const request = line === undefined ? undefined : parseLogLine(line);
      if (!request) malformed++;
      else {
        const reason = count(request);
        if (reason) skipped[reason]++;
      }
    },
    (bytes) => options.progress.update(bytes, log.size),
  );
  if (read > 0 && malformed === read)
    throw new UserError(`${log.label} is not an access log: none of its ${read} lines is one`, {
      code: 'NO_ACCESS_LOG',
      hint: 'Known are the common and combined formats, and JSON lines with a request line, or with method and path.',
    });
  const paths = byFrequency(keys);
  const named = [...hosts].sort(([, a], [, b]) => b - a).map(([host]) => host);
  return {
    paths,
    tally: {
      ...{ read, malformed, skipped, requests, distinct: paths.length },
      ...{ exact: keys.maxError === 0, maxError: keys.maxError },
      hosts: named.slice(0, shownHosts),
    },
  };
}

/** A host is named with or without its port. */
function sameHost(a: string, b: string): boolean {
  const bare = (host: string) => host.toLowerCase().replace(/:\d+$/, '');
  return bare(a) === bare(b);
}

/** Shared by all paths, so that it takes no memory. */
const untold: VariantHeaders[] = [];

/** Keys of one path come together: the most frequent first, so that the first variant is the most frequent one too. */
function byFrequency(keys: FrequentKeys): WarmPath[] {
  const paths = new Map<ByteString, WarmPath>();
  for (const [key, count] of [...keys.entries()].sort(([, a], [, b]) => b - a)) {
    const end = key.indexOf('\n');
    const path = (end === -1 ? key.slice(1) : key.slice(1, end)) as ByteString;
    const method = key.startsWith('G') ? 'GET' : 'HEAD';
    const seen = end === -1 ? untold : [variantOf(key.slice(end))];
    const known = paths.get(path);
    if (!known) paths.set(path, { path, count, method, seen });
    else {
      known.count += count;
      if (method === 'GET') known.method = 'GET';
      if (known.seen.length < maxVariants * 4) known.seen = [...known.seen, ...seen];
    }
  }
  return [...paths.values()].sort((a, b) => b.count - a.count);
}
