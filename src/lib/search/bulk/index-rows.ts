import { graceMs, withGrace } from '../../core/abort.js';
import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { type NotWritten, ServiceConflict } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { Checkpoint } from '../../runs/checkpoint.js';
import { DeadLetterFile } from '../../runs/dead-letters.js';
import { endRun, inBatches } from '../../runs/in-batches.js';
import { Pace } from '../../runs/pace.js';
import type { RowBatch, SourcePosition } from '../../sources/row-source.js';
import type { Settled } from '../engine.js';
import type { IndexReached } from './checkpoint.js';
import type { IndexPlan } from './index-plan.js';
import { type Reason, Reasons } from './reasons.js';
import { compileOperation, type MakeOperation, type RowOperation } from './row-operation.js';
import { lacksTime } from './time-member.js';
import { BulkWriter, type Wait } from './writer.js';

export interface IndexResult {
  readonly index: string;
  /** Rows: those that were indexed, and those that were rejected. */
  readonly read: number;
  /** Carried out: of `--op delete` those that were deleted. */
  readonly indexed: number;
  readonly rejected: number;
  /** Operations that were sent again, once for each time. */
  readonly retried: number;
  /** Why rows were rejected, most frequent first. */
  readonly reasons: readonly Reason[];
  readonly deadLetter?: string;
  /** How many rejected rows are not in that file. */
  readonly deadLettersMissing?: number;
  /** Rows that were sent, and no answer came: they may have been written. Only of a run that was stopped. */
  readonly uncertain?: number;
  /** Rows that were read, and not written. Only of a run that was stopped. */
  readonly unwritten?: number;
  readonly resumedAt?: number;
}

export interface IndexHooks {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Nothing is written at the moment. */
  waits(wait: Wait): void;
  /** The first document has no time, which the index wants. */
  lacksTime(): void;
  /** An output is not whole, beside what the run throws. */
  notWritten(problem: NotWritten): void;
  /** Something may have been written from here on. */
  started(result: () => IndexResult): void;
}

/**
 * Writes a source's rows to an index. Memory stays constant whatever the source's length.
 * @throws ServiceUnavailable when the server took nothing for `stallMs`; the signal's reason when it was aborted, after what was
 * under way has been settled and the checkpoint saved; as SearchEngine.bulk
 */
export function indexRows<Row>(plan: IndexPlan<Row>, hooks: IndexHooks): Promise<IndexResult> {
  return new IndexRun(plan, hooks).run();
}

class IndexRun<Row> {
  readonly #make: MakeOperation<Row>;
  /** Aborted when what is under way is no longer waited for. */
  readonly #tidying: AbortSignal;
  readonly #writer: BulkWriter<RowOperation<Row>>;
  readonly #reasons = new Reasons();
  readonly #retriedBefore: number;
  #deadLetters: DeadLetterFile | undefined;
  /** Behind the name, by uuid; none until the first document has made one. */
  #indices: readonly string[];
  #isFirst = true;
  #read: number;
  #indexed: number;
  #rejected: number;

  constructor(
    private readonly plan: IndexPlan<Row>,
    private readonly hooks: IndexHooks,
  ) {
    const { engine, target, stallMs, resume } = plan;
    this.#make = compileOperation(plan.source, plan.rows);
    this.#indices = plan.indices;
    this.#tidying = withGrace(hooks.signal, graceMs);
    const before = resume?.reached;
    this.#read = before?.read ?? 0;
    this.#indexed = before?.indexed ?? 0;
    this.#rejected = before?.rejected ?? 0;
    this.#retriedBefore = before?.retried ?? 0;
    this.#writer = new BulkWriter({
      engine,
      target,
      stallMs,
      clock: hooks.clock,
      signal: this.#tidying,
      settled: (operation, outcome) => this.#settle(operation, outcome),
      waits: (wait) => hooks.waits(wait),
      // The run before may have written some of it after its checkpoint.
      mayRepeat: before !== undefined,
    });
  }

  async run(): Promise<IndexResult> {
    const { plan } = this;
    await plan.resume?.rehearse(this.#reached({ rows: this.#read }));
    const lock = await plan.resume?.hold('search index');
    try {
      return await this.#runAlone();
    } finally {
      lock?.release();
    }
  }

  async #runAlone(): Promise<IndexResult> {
    const { plan, hooks } = this;
    const stopped = await this.#work().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    await endRun(stopped, this.#deadLetters, (problem) => hooks.notWritten(problem));
    if (this.#read !== this.#indexed + this.#rejected)
      throw new Error(
        `${this.#read} rows were read, ${this.#indexed} indexed and ${this.#rejected} rejected: some are not accounted for`,
      );
    await plan.resume?.remove().catch(hooks.notWritten);
    return this.#result();
  }

  async #work(): Promise<void> {
    const { plan, hooks } = this;
    const { source, resume, rate, engine, target } = plan;
    const from = resume?.reached?.position;
    if (from && plan.rows.keepDuplicates) await this.#countAgain(from);
    // Opening cuts off what an earlier run left, so nothing that may be refused comes after it.
    if (plan.deadLetter !== undefined)
      this.#deadLetters = await DeadLetterFile.open(plan.deadLetter, resume?.reached?.deadLetterBytes ?? 0);
    hooks.started(() => this.#result());
    const pace = new Pace(rate, hooks.clock);
    await inBatches<RowBatch<Row>, SourcePosition>({
      batches: (signal) =>
        source.batches({
          signal,
          ...(from === undefined ? {} : { from }),
          fingerprint: resume !== undefined,
          // Under a rate a batch takes a second at most: a run can be stopped, and continued, no farther apart.
          ...(rate === undefined ? {} : { maxRows: Math.min(4096, rate) }),
        }),
      from,
      clock: hooks.clock,
      signal: hooks.signal,
      write: async (batch) => {
        for (const { line, reason, text } of batch.rejected) {
          this.#read++;
          this.#reject(line, reason, text);
        }
        await this.#write(batch, pace);
        hooks.progress.update(this.#read, source.estimatedRows);
        await this.#deadLetters?.flush();
      },
      drain: () => this.#drain(),
      save: resume && ((position) => this.#save(resume, position)),
      notWritten: (problem) => hooks.notWritten(problem),
    });
    await this.#requireSameIndex();
    if (plan.refresh) await engine.refresh(target.index, hooks.signal);
  }

  async #write({ rows, lines }: RowBatch<Row>, pace: Pace): Promise<void> {
    const { plan, hooks } = this;
    let paid = 0;
    for (let i = 0; i < rows.length; i++) {
      if (i === paid && plan.rate !== undefined) {
        paid = Math.min(rows.length, paid + pace.portion);
        await pace.take(paid - i, hooks.signal);
      }
      const row = rows[i]!;
      const operation = this.#make(row, lines?.[i]);
      this.#read++;
      if ('unfit' in operation) this.#reject(lines?.[i], operation.unfit, plan.source.json(row));
      else {
        if (this.#isFirst && plan.wantsTime && lacksTime(operation)) hooks.lacksTime();
        this.#isFirst = false;
        const room = this.#writer.take(operation);
        if (room) await room;
      }
    }
  }

  #settle({ line, row, source }: RowOperation<Row>, outcome: Settled): void {
    if (outcome.kind === 'done') this.#indexed++;
    else this.#reject(line, outcome.reason, this.#rowText(row, source));
  }

  /** As it can be given again: a document, or the whole line of a dump. */
  #rowText(row: Row, document: ByteString | undefined): ByteString {
    const { source, rows } = this.plan;
    return rows.isDump || document === undefined ? source.json(row) : document;
  }

  #reject(line: number | undefined, reason: string, row: ByteString): void {
    this.#rejected++;
    this.#reasons.add(reason, line);
    this.#deadLetters?.add({ line, reason, row });
  }

  async #save(checkpoint: Checkpoint<IndexReached>, position: SourcePosition): Promise<void> {
    if (this.#indices.length === 0) {
      const { engine, target } = this.plan;
      const made = await engine.describe(target.index, this.#tidying);
      this.#indices = made?.indices.map(({ uuid }) => uuid) ?? [];
    }
    await checkpoint.save(this.#reached(position));
  }

  /** A bulk creates an index that somebody has deleted meanwhile, with a mapping that is guessed and without what was there. */
  async #requireSameIndex(): Promise<void> {
    const { engine, target } = this.plan;
    // The index of an alias is changed on purpose, and is not created by a bulk.
    if (this.#indices.length === 0 || target.maySpan) return;
    const found = await engine.describe(target.index, this.hooks.signal);
    if (found?.indices.some(({ uuid }) => this.#indices.includes(uuid))) return;
    throw new ServiceConflict(
      `'${target.index}' ${found ? 'is another index now: it was' : 'was'} deleted while it was written`,
      { code: 'INDEX_REPLACED', hint: 'Create it again with its mapping, and index everything again.' },
    );
  }

  async #drain(): Promise<void> {
    await this.#writer.drain();
    await this.#deadLetters?.flush();
  }

  /** Which documents came how often before, as the ids of later ones depend on it. */
  async #countAgain(from: SourcePosition): Promise<void> {
    let rows = 0;
    for await (const batch of this.plan.source.batches({ signal: this.hooks.signal }))
      for (const [i, row] of batch.rows.entries()) {
        const isCounted = from.line === undefined ? rows++ < from.rows : batch.lines![i]! <= from.line;
        if (!isCounted) return;
        this.#make(row, undefined);
      }
  }

  #reached(position: SourcePosition): IndexReached {
    return {
      position,
      read: this.#read,
      indexed: this.#indexed,
      rejected: this.#rejected,
      retried: this.#retried(),
      deadLetterBytes: this.#deadLetters?.bytes ?? this.plan.resume?.reached?.deadLetterBytes ?? 0,
      indices: this.#indices,
    };
  }

  #retried(): number {
    return this.#retriedBefore + this.#writer.retried;
  }

  #result(): IndexResult {
    const { plan } = this;
    const { uncertain } = this.#writer;
    const unwritten = this.#read - this.#indexed - this.#rejected - uncertain;
    const resumedAt = plan.resume?.reached?.position.rows;
    return {
      index: plan.target.index,
      read: this.#read,
      indexed: this.#indexed,
      rejected: this.#rejected,
      retried: this.#retried(),
      reasons: this.#reasons.top(20),
      ...(plan.deadLetter === undefined ? {} : { deadLetter: plan.deadLetter }),
      ...(this.#deadLetters?.missing ? { deadLettersMissing: this.#deadLetters.missing } : {}),
      ...(uncertain > 0 ? { uncertain } : {}),
      ...(unwritten > 0 ? { unwritten } : {}),
      ...(resumedAt === undefined ? {} : { resumedAt }),
    };
  }
}
