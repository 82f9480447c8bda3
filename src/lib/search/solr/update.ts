import { SearchRefusal } from '../../clients/search/refusal.js';
import { type ByteString, bytesOf, fromBytes } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { retryAfterMs } from '../../http/retry-after.js';
import { JsonCursor, NotJson } from '../../sources/json-cursor.js';
import { memberText, stringText } from '../../sources/json-members.js';
import { BulkBusy, BulkTooLarge } from '../engine.js';
import { corePath, type SolrClient } from './client.js';
import type { SolrSchema } from './schema.js';

/** How long what was written may be invisible to searches, where the core says nothing of it, in milliseconds. */
const commitWithinMs = 10_000;

/** Of a collection that was made read-only. */
export const readOnly = /is read-only/i;

/** What Solr says of one request of several commands, each for another document. */
export interface UpdateAnswer {
  /** Undefined when the request succeeded: then everything was carried out but `errors`. */
  readonly refusal: SearchRefusal | undefined;
  /** Carried out for certain, by id, whether the request succeeded or not. */
  readonly applied: ReadonlySet<ByteString>;
  /** Reasons by id, of a chain that tolerates errors: its answer has the status 200 with them. */
  readonly errors: ReadonlyMap<ByteString, string>;
  /** The chain tolerated errors, and did not say of which document. */
  readonly isUnclear: boolean;
}

export interface UpdateCommand {
  readonly id: ByteString;
  /** A member of the request: `"add":{…}`. */
  readonly text: ByteString;
  /** `_version_` as it is in the command. */
  readonly expected?: string | undefined;
}

/** @throws BulkTooLarge; BulkBusy; SearchRefusal when no command is to blame; HttpFailure; the signal's reason */
export async function sendUpdate(
  client: SolrClient,
  core: string,
  commands: readonly UpdateCommand[],
  { commitsItself }: Pick<SolrSchema, 'commitsItself'>,
  signal: AbortSignal,
): Promise<UpdateAnswer> {
  const answer = await client.send(
    {
      method: 'POST',
      path: corePath(core, 'update'),
      // With versions it says which commands were carried out, even where one of them failed.
      query: {
        versions: 'true',
        commitWithin: commitsItself ? undefined : String(commitWithinMs),
        indent: 'off',
        wt: 'json',
      },
      body: Buffer.from(`{${commands.map(({ text }) => text).join(',')}}`, 'latin1'),
    },
    signal,
  );
  const { status, headers, body } = answer;
  if (status === 413) throw new BulkTooLarge();
  const refused = status >= 400 ? client.refusal(answer) : undefined;
  const reason = (refused?.reason ?? '').replace(/^.*Remote error message: /s, '');
  if (status === 429 || status === 502 || status === 504)
    throw new BulkBusy(status, reason, retryAfterMs(headers['retry-after'], Date.now()));
  if (refused && (status === 401 || (status === 403 && !readOnly.test(reason)))) throw refused;
  const refusal = refused && new SearchRefusal(client.name, status, refused.type, reason);
  const read = readAnswer(client, body, status, commands);
  if (status === 503 && read.applied.size === 0)
    throw new BulkBusy(status, reason, retryAfterMs(headers['retry-after'], Date.now()));
  return { refusal, ...read };
}

function readAnswer(
  client: SolrClient,
  body: Buffer,
  status: number,
  commands: readonly UpdateCommand[],
): Omit<UpdateAnswer, 'refusal'> {
  const applied = new Set<ByteString>();
  const errors = new Map<ByteString, string>();
  let isUnclear = false;
  let hasHeader = false;
  const given = new Map(commands.map(({ id, expected }) => [id, expected]));
  const cursor = new JsonCursor(bytesOf(body));
  try {
    cursor.members((name) => {
      // Ids and versions in turn; a collection says 0, or the version that was given, where another node was to do it.
      if (name === '"adds"' || name === '"deletes"') {
        let id: ByteString | undefined;
        cursor.elements(() => {
          const value = cursor.value();
          if (id === undefined) id = memberText(value)!;
          else {
            if (value !== '0' && value !== given.get(id)) applied.add(id);
            id = undefined;
          }
        });
      } else if (name === '"responseHeader"') {
        hasHeader = true;
        cursor.members((inner) => {
          if (inner === '"errors"')
            cursor.elements(() => {
              const { id, message } = readError(cursor);
              if (given.has(id)) errors.set(id, message);
              else isUnclear = true;
            });
          else cursor.skip();
        });
      } else cursor.skip();
    });
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
  }
  if (!hasHeader && status < 400)
    throw new ServiceUnavailable(`${client.name} did not say what became of ${commands.length} documents`, {
      code: 'BULK_ANSWER',
    });
  return { applied, errors, isUnclear };
}

function readError(cursor: JsonCursor): { readonly id: ByteString; readonly message: string } {
  let id = '' as ByteString;
  let message = '';
  cursor.members((name) => {
    if (name === '"id"') id = memberText(cursor.value())!;
    else if (name === '"message"') message = fromBytes(stringText(cursor.value()));
    else cursor.skip();
  });
  return { id, message };
}
