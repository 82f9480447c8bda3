import { ExitCode } from '../../core/exit-codes.js';
import { UserError } from '../../core/errors.js';
import type { HttpAnswer } from '../../http/client.js';
import { excerpt } from '../../http/excerpt.js';

/** Of HTTP: the same request may succeed later. */
export const passingStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** An error that the server answered with. Callers judge it by `status` and `type`. */
export class SearchRefusal extends UserError {
  override readonly name = 'SearchRefusal';
  constructor(
    /** Of the server, for people: `Elasticsearch 9.5.3 at 10.0.0.5:9200`. */
    server: string,
    /** Of HTTP. */
    readonly status: number,
    /** The server's own name of the error: `index_not_found_exception`; empty where it gives none. */
    readonly type: string,
    /** What the server says, on one line. */
    readonly reason: string,
    hint?: string,
  ) {
    const denied = isDenial({ status, type });
    super(`${server} ${denied ? 'refused us' : 'answered with an error'}: ${reason}`, {
      code: denied ? 'SERVICE_REFUSED' : 'SEARCH_REFUSED',
      exitCode: exitCodeOf(status),
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** Whether an error is about who we are. Elasticsearch 7 answers with 403 where an index takes no writes, too. */
export function isDenial({ status, type }: { readonly status: number; readonly type: string }): boolean {
  return status === 401 || (status === 403 && type !== 'cluster_block_exception');
}

/** What is wrong with the request is for its sender to mend. */
function exitCodeOf(status: number): ExitCode {
  if (status === 409) return ExitCode.refused;
  return status === 400 || status === 404 ? ExitCode.usage : ExitCode.unavailable;
}

export interface RefusalText {
  readonly type: string;
  readonly reason: string;
}

/** The error in the answer's body, in the shapes of Elasticsearch, OpenSearch, Solr and AWS; or what else it is. */
export function refusalText({ status, body }: Pick<HttpAnswer, 'status' | 'body'>): RefusalText {
  const text = body.toString('utf8');
  let answer: { error?: unknown; message?: unknown; Message?: unknown } | null = {};
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    // A proxy's page, or nothing.
  }
  const said = errorText(answer?.error ?? answer?.message ?? answer?.Message);
  if (said !== undefined) return said;
  const page = pageText(text);
  return { type: '', reason: excerpt(page === '' ? `HTTP ${status}` : `HTTP ${status}: ${page}`) };
}

/** What a person would read of a page. */
export function pageText(text: string): string {
  if (!/^\s*<(?:!doctype|html|head|\?xml)/i.test(text)) return text.trim();
  const title = /<title[^>]*>([^<]+)/i.exec(text)?.[1]?.trim();
  return title ?? text.replace(/<[^>]*>/g, ' ').trim();
}

interface ServerError {
  readonly type?: string;
  readonly reason?: string;
  /** Solr. */
  readonly msg?: string;
  readonly caused_by?: ServerError;
  readonly root_cause?: readonly ServerError[];
  readonly failed_shards?: readonly { readonly reason?: ServerError }[];
}

/** An error object of any of the servers as one line: the causes below it say what is wrong. Undefined when it is none. */
export function errorText(error: unknown): RefusalText | undefined {
  if (typeof error === 'string') return { type: '', reason: excerpt(error) };
  if (typeof error !== 'object' || error === null) return undefined;
  const { type = '', reason, msg, root_cause, failed_shards } = error as ServerError;
  const parts: string[] = [];
  const add = (said: string | undefined) => {
    // Of a block: `blocked by: [...];`
    const text = said?.replace(/;\s*$/, '');
    if (text !== undefined && text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
  };
  add(reason ?? msg);
  for (let cause = (error as ServerError).caused_by, depth = 0; cause && depth < 5; depth++) {
    add(cause.reason);
    cause = cause.caused_by;
  }
  add(failed_shards?.[0]?.reason?.reason);
  add(failed_shards?.[0]?.reason?.caused_by?.reason);
  // "all shards failed" says nothing: what the first of them says does.
  const first = root_cause?.[0];
  add(first?.reason);
  if (parts.length === 0) add(type);
  return parts.length === 0 ? undefined : { type: first?.type ?? type, reason: excerpt(parts.join(': ')) };
}
