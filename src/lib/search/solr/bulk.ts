import type { SearchRefusal } from '../../clients/search/refusal.js';
import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { settleByReading } from '../bulk/lost-answers.js';
import { BulkBusy, BulkTooLarge, done, type Operation, type Outcome, type SearchEngine } from '../engine.js';
import { type Prepared, prepare } from './prepare.js';
import type { SolrSchema } from './schema.js';
import type { SolrClient } from './client.js';
import { readOnly, sendUpdate } from './update.js';
import { versionField } from './schema.js';

export interface BulkContext {
  readonly client: SolrClient;
  readonly core: string;
  readonly schema: SolrSchema;
  readonly engine: Pick<SearchEngine, 'read' | 'heldForm'>;
  readonly signal: AbortSignal;
}

/**
 * Carries operations out. One document that Solr does not take fails the request it is in: what the request has left is found
 * out, and sent without it, in halves. @throws as SearchEngine.bulk; UserError `NO_ROUTING`, `NO_EXTERNAL_VERSIONS` exit 2
 */
export async function bulk(
  context: BulkContext,
  operations: readonly Operation[],
): Promise<readonly Outcome[]> {
  requireKept(context, operations);
  const outcomes: (Outcome | undefined)[] = operations.map(() => undefined);
  let settled = false;
  for (const run of distinctRuns(operations)) {
    try {
      await new Run(context, operations, outcomes).carryOut(run);
      settled = true;
    } catch (error) {
      // Nothing was carried out only as long as nothing was settled.
      const isLater = settled || run.some((i) => outcomes[i]?.kind === 'done');
      if (!isLater || !(error instanceof BulkBusy || error instanceof BulkTooLarge)) throw error;
      const reason = error instanceof BulkBusy ? error.reason : 'the request was too long';
      return outcomes.map((outcome) => outcome ?? { kind: 'again', reason });
    }
  }
  return outcomes.map((outcome) => outcome!);
}

/** @throws UserError */
function requireKept({ client, core, schema }: BulkContext, operations: readonly Operation[]): void {
  for (const { routing, version } of operations) {
    if (routing !== undefined)
      throw new UserError(`${client.name} keeps no routing apart from a document's id`, {
        code: 'NO_ROUTING',
        hint: 'Solr routes by the id: put the routing before it, ROUTING!ID.',
      });
    if (version !== undefined && !schema.keepsExternalVersions)
      throw new UserError(`the schema of ${core} keeps no external versions`, {
        code: 'NO_EXTERNAL_VERSIONS',
        hint: `Add a field ${versionField} of a long type to it, or write without versions: a dump with --op create.`,
      });
  }
}

/** Positions, so that no document is in a run twice: answers name documents. */
function distinctRuns(operations: readonly Operation[]): number[][] {
  const runs: number[][] = [];
  let ids = new Set<ByteString>();
  for (const [i, { id }] of operations.entries()) {
    if (runs.length === 0 || ids.has(id)) {
      runs.push([]);
      ids = new Set();
    }
    ids.add(id);
    runs[runs.length - 1]!.push(i);
  }
  return runs;
}

class Run {
  readonly #context: BulkContext;
  readonly #operations: readonly Operation[];
  readonly #outcomes: (Outcome | undefined)[];

  constructor(context: BulkContext, operations: readonly Operation[], outcomes: (Outcome | undefined)[]) {
    this.#context = context;
    this.#operations = operations;
    this.#outcomes = outcomes;
  }

  async carryOut(positions: readonly number[]): Promise<void> {
    const { client, core, schema, signal } = this.#context;
    const prepared = await prepare(
      client,
      core,
      schema,
      positions.map((i) => this.#operations[i]!),
      signal,
    );
    const commands: Prepared[] = [];
    for (const [n, one] of prepared.entries()) {
      if ('kind' in one) this.#outcomes[positions[n]!] = one;
      else commands.push({ ...one, position: positions[n]! });
    }
    await this.#send(commands);
  }

  async #send(commands: readonly Prepared[]): Promise<void> {
    if (commands.length === 0) return;
    const { client, core, schema, signal } = this.#context;
    const { refusal, applied, errors, isUnclear } = await sendUpdate(client, core, commands, schema, signal);
    const left: Prepared[] = [];
    for (const command of commands) {
      const error = errors.get(command.id);
      if (error !== undefined) this.#refuse(command, statusOf(error), error);
      else if (applied.has(command.id) || (refusal === undefined && !isUnclear)) this.#settle(command, done);
      else left.push(command);
    }
    if (left.length === 0) return;
    if (refusal !== undefined) this.#requireBlame(refusal, left);
    const [first] = left;
    if (first === undefined) return;
    const wasOne = commands.length === 1;
    // A core takes the commands in turn, and stops at the first that fails; a chain that tolerates errors, behind too many.
    const isInTurn = !client.isCloud && errors.size === 0;
    if (refusal !== undefined && (wasOne || isInTurn)) {
      this.#refuse(first, refusal.status, refusal.reason);
      left.shift();
    } else if (wasOne) this.#refuse(first, 400, 'Solr tolerated an error, and did not say which');
    else await this.#settleUncertain(left);
    const still = left.filter(({ position }) => this.#outcomes[position] === undefined);
    const middle = Math.ceil(still.length / 2);
    await this.#send(still.slice(0, middle));
    await this.#send(still.slice(middle));
  }

  /** Of a collection, what another node was to do may be done: what may not be done twice is looked up. */
  async #settleUncertain(left: readonly Prepared[]): Promise<void> {
    const { engine, core, signal } = this.#context;
    const uncertain = left.filter(({ expected }) => expected !== undefined);
    const operations = uncertain.map(({ position }) => this.#operations[position]!);
    const looked = await settleByReading(engine, core, operations, signal);
    for (const [i, { position }] of uncertain.entries())
      if (looked[i]?.kind === 'done') this.#outcomes[position] = done;
  }

  /** @throws SearchRefusal, when the refusal is none of a document's */
  #requireBlame(refusal: SearchRefusal, left: Prepared[]): void {
    const { status, reason } = refusal;
    if (status === 400 || status === 409) return;
    const outcome: Outcome | undefined =
      status === 503
        ? { kind: 'again', reason }
        : readOnly.test(reason) || full.test(reason)
          ? { kind: 'blocked', reason }
          : undefined;
    if (outcome === undefined) throw refusal;
    for (const command of left.splice(0)) this.#settle(command, outcome);
  }

  #refuse(command: Prepared, status: number, reason: string): void {
    const { kind, ifRevision } = this.#operations[command.position]!;
    if (status !== 409) return this.#settle(command, { kind: 'rejected', status, reason });
    if (command.isGuarded)
      return this.#settle(command, { kind: 'again', reason: 'it was changed meanwhile' });
    const missing = ifRevision === undefined && (kind === 'update' || kind === 'delete');
    this.#settle(command, { kind: 'rejected', status: missing ? 404 : 409, reason });
  }

  #settle({ position }: Prepared, outcome: Outcome): void {
    this.#outcomes[position] = outcome;
  }
}

/** Where the disk is full Solr closes its index. */
const full = /no space left|indexwriter is closed|alreadyclosed/i;

function statusOf(message: string): number {
  return /version conflict|Document not found for update/i.test(message) ? 409 : 400;
}
