import type { ByteString } from '../../core/bytes.js';
import { graceMs, withGrace } from '../../core/abort.js';
import { abortable } from '../../core/abortable.js';
import type { Clock } from '../../core/clock.js';
import type { NotWritten } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { DeadLetterFile } from '../../runs/dead-letters.js';
import { endRun, inBatches } from '../../runs/in-batches.js';
import { Pace } from '../../runs/pace.js';
import type { RowBatch, SourcePosition } from '../../sources/row-source.js';
import { isOwnKey } from '../own-keys.js';
import type { LevelCounts, WarmReached } from './checkpoint.js';
import { compileEntry, type WarmPlan } from './plan.js';
import type { BulkLevel, BulkWriteOutcome, Entry, BulkWriter, StoredValue } from '../bulk-level.js';
import { addVerified, KeyFilter, type Verified, verify, type VerifyPlan, WrittenSample } from './verify.js';
import { counted } from '../../core/units.js';

export interface WarmResult extends LevelCounts {
  /** Rows. A row written to two levels counts twice in `written`, once here. */
  read: number;
  levels: ({ name: string; target: string } & LevelCounts)[];
  /** Reasons of what failed, most frequent first. */
  failures: { reason: string; count: number; firstLine?: number }[];
  deadLetter?: string;
  /** How many rows that failed are not in that file. */
  deadLettersMissing?: number;
  /**
   * So many more entries may have been written: the answers were lost. Those that were settled all the same count as
   * skipped. Left out when there are none.
   */
  uncertain?: number;
  verified?: Verified;
  /** Servers that lost their memory during the run. */
  restarts: number;
  resumedAt?: number;
}

export interface WarmHooks {
  clock: Clock;
  signal: AbortSignal;
  progress: Progress;
  warn(message: string): void;
  /** An output is not whole, beside what the run throws. */
  notWritten(problem: NotWritten): void;
  /** Something may have been written from here on. */
  started(result: () => WarmResult): void;
}

/** Compared after a server restarted, when nothing else was asked for. */
const sampleAfterRestart = 1000;

/**
 * Writes a source's rows to cache levels. Memory stays constant whatever the source's length.
 * @throws ServiceUnavailable when a level stayed away; the signal's reason when it was aborted, after what was
 * under way has been settled and the checkpoint saved.
 */
export async function warm<Row>(plan: WarmPlan<Row>, hooks: WarmHooks): Promise<WarmResult> {
  return new WarmRun(plan, hooks).run();
}

interface WarmedLevel {
  level: BulkLevel;
  writer?: BulkWriter;
  counts: LevelCounts;
  /** Entries that the writer has, and has not settled. */
  underWay: number;
  /** Entries of which it is not known whether we wrote them. */
  unclear: number;
  /** Keys not to be compared. */
  excluded: KeyFilter;
  sample: WrittenSample;
}

class WarmRun<Row> {
  readonly #failures = new Map<string, { count: number; firstLine?: number }>();
  readonly #levels: WarmedLevel[];
  readonly #entryOf: ReturnType<typeof compileEntry<Row>>;
  /** Aborted when what is under way is no longer waited for, whatever the levels do. */
  readonly #tidying: AbortSignal;
  #deadLetters: DeadLetterFile | undefined;
  #read = 0;
  #verified: Verified | undefined;

  constructor(
    private readonly plan: WarmPlan<Row>,
    private readonly hooks: WarmHooks,
  ) {
    this.#entryOf = compileEntry(plan);
    this.#tidying = withGrace(hooks.signal, graceMs);
    const before = plan.resume?.reached;
    this.#read = before?.read ?? 0;
    this.#levels = plan.levels.map((level, i) => ({
      level,
      counts: { ...(before?.levels[i] ?? { written: 0, skipped: 0, failed: 0, bytes: 0 }) },
      underWay: 0,
      unclear: 0,
      excluded: new KeyFilter(),
      sample: new WrittenSample(
        typeof plan.verify === 'number' ? plan.verify : sampleAfterRestart,
        // What a later row of the same key says is found out by reading the source again, where that can be done.
        !plan.source.rereadable,
      ),
    }));
  }

  async run(): Promise<WarmResult> {
    const { plan, hooks } = this;
    await plan.resume?.rehearse(this.#reached({ rows: this.#read }));
    const stopped = await this.#work().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    for (const { writer } of this.#levels) await writer?.close();
    await endRun(stopped, this.#deadLetters, (problem) => hooks.notWritten(problem));
    await plan.resume?.remove().catch(hooks.notWritten);
    return this.#result();
  }

  async #work(): Promise<void> {
    const { plan, hooks } = this;
    for (const entry of this.#levels)
      entry.writer = await entry.level.writer({
        nx: plan.nx,
        signal: this.#tidying,
        settled: (item, outcome, reason) => this.#settle(entry, item, outcome, reason),
      });
    // Opening cuts off what an earlier run left, so nothing that may be refused comes after it.
    if (plan.deadLetter !== undefined)
      this.#deadLetters = await DeadLetterFile.open(
        plan.deadLetter,
        plan.resume?.reached?.deadLetterBytes ?? 0,
      );
    hooks.started(() => this.#result());
    await this.#copy();
    if (this.#wantsVerification()) await this.#verify();
  }

  async #copy(): Promise<void> {
    const { plan, hooks } = this;
    const { source, resume } = plan;
    const pace = new Pace(plan.rate, hooks.clock);
    const from = resume?.reached?.position;
    await inBatches<RowBatch<Row>, SourcePosition>({
      batches: (signal) =>
        source.batches({
          signal,
          ...(from === undefined ? {} : { from }),
          fingerprint: resume !== undefined,
          // Under a rate a batch takes a second at most: a run can be stopped, and continued, no farther apart.
          ...(plan.rate === undefined ? {} : { maxRows: Math.min(4096, plan.rate) }),
        }),
      from,
      clock: hooks.clock,
      signal: hooks.signal,
      write: async (batch) => {
        for (const { line, reason, text } of batch.rejected) this.#reject(line, reason, text);
        await this.#write(batch.rows, batch.lines, pace);
        hooks.progress.update(this.#read, source.estimatedRows);
        await this.#deadLetters?.flush();
      },
      drain: () => this.#drain(),
      save: resume && ((position) => resume.save(this.#reached(position))),
      notWritten: (problem) => hooks.notWritten(problem),
    });
  }

  async #write(rows: Row[], lines: number[] | undefined, pace: Pace): Promise<void> {
    const { plan, hooks } = this;
    for (let from = 0; from < rows.length; from += pace.portion) {
      const to = Math.min(rows.length, from + pace.portion);
      await pace.take(to - from, hooks.signal);
      const entries: Entry[] = [];
      for (let i = from; i < to; i++) {
        const row = rows[i]!;
        const line = lines?.[i];
        const { key, value } = this.#entryOf(row);
        this.#read++;
        if (key === null)
          this.#reject(line, 'a column of the key is null or empty', plan.source.json(row), false);
        else if (value === null || (typeof value !== 'string' && value.length === 0))
          this.#reject(line, 'the value is null', plan.source.json(row), false);
        else if (isOwnKey(key))
          this.#reject(line, "the key is one of metrify's own", plan.source.json(row), false);
        else entries.push({ key, value, ttlMs: 0, line, row: this.#deadLetters && row });
      }
      for (const [n, warmed] of this.#levels.entries()) {
        const ttl = plan.ttlMs[n]!;
        // Each level settles entries of its own: their times to live differ.
        const own = n === 0 ? entries : entries.map((entry) => ({ ...entry }));
        if (ttl > 0)
          for (const entry of own)
            entry.ttlMs =
              plan.ttlJitter === 0
                ? ttl
                : Math.max(1, Math.round(ttl * (1 + (Math.random() * 2 - 1) * plan.ttlJitter)));
        warmed.underWay += own.length;
        await abortable(warmed.writer!.write(own), this.#tidying);
      }
      if (Number.isFinite(pace.portion)) hooks.progress.update(this.#read, plan.source.estimatedRows);
    }
  }

  #settle(warmed: WarmedLevel, entry: Entry, outcome: BulkWriteOutcome, reason?: string): void {
    const { level, counts, excluded, sample } = warmed;
    warmed.underWay--;
    if (outcome === 'unclear') warmed.unclear++;
    counts[outcome === 'unclear' ? 'skipped' : outcome]++;
    if (outcome === 'written') {
      counts.bytes += entry.key.length + sizeOf(entry.value);
      if (this.plan.verify !== 'all') sample.offer(entry);
      return;
    }
    excluded.add(entry.key);
    if (outcome !== 'failed') return;
    this.#fail(reason ?? 'refused', entry.line);
    this.#deadLetters?.add({
      line: entry.line,
      reason: reason ?? 'refused',
      labels: { level: level.name },
      key: entry.key,
      row: this.plan.source.json(entry.row as Row),
    });
  }

  #reject(line: number | undefined, reason: string, text: ByteString, count = true): void {
    if (count) this.#read++;
    this.#levels[0]!.counts.failed++;
    this.#fail(reason, line);
    this.#deadLetters?.add({ line, reason, row: text });
  }

  #fail(reason: string, line: number | undefined): void {
    const known = this.#failures.get(reason);
    if (known) known.count++;
    else this.#failures.set(reason, { count: 1, ...(line === undefined ? {} : { firstLine: line }) });
  }

  async #drain(): Promise<void> {
    for (const { writer } of this.#levels) await abortable(writer!.drain(), this.#tidying);
    await this.#deadLetters?.flush();
  }

  #reached(position: SourcePosition): WarmReached {
    return {
      position,
      read: this.#read,
      levels: this.#levels.map(({ counts }) => counts),
      deadLetterBytes: this.#deadLetters?.bytes ?? 0,
    };
  }

  #wantsVerification(): boolean {
    return this.plan.verify !== undefined || this.#restarts() > 0;
  }

  async #verify(): Promise<void> {
    const { plan, hooks } = this;
    const { source } = plan;
    const all = () => this.#expected();
    const compare = (levels: WarmedLevel[], expected: VerifyPlan['expected']) =>
      verify({
        levels: levels.map(({ level }) => level),
        expected,
        again: source.rereadable ? all : undefined,
        excluded: (level, key) => levels.find((run) => run.level === level)!.excluded.has(key),
        signal: hooks.signal,
        progress: (checked) => hooks.progress.update(checked, undefined, 'verifying'),
      });
    if (plan.verify === 'all') {
      this.#verified = await compare(this.#levels, all());
      return;
    }
    for (const run of this.#levels)
      this.#verified = addVerified(this.#verified, await compare([run], run.sample.entries()));
  }

  async *#expected(): AsyncGenerator<[ByteString, StoredValue]> {
    const { source, nx, resume } = this.plan;
    // Which of the keys before the checkpoint were skipped is not known any more.
    const from = nx ? resume?.reached?.position : undefined;
    if (from)
      this.hooks.warn(
        `${counted(from.rows, 'row')} before this run ${from.rows === 1 ? 'is' : 'are'} not compared: some may have been skipped`,
      );
    for await (const batch of source.batches({ signal: this.hooks.signal, ...(from ? { from } : {}) }))
      for (const row of batch.rows) {
        const { key, value } = this.#entryOf(row);
        if (key !== null && value !== null && !isOwnKey(key)) yield [key, value];
      }
  }

  #restarts(): number {
    return this.#levels.reduce((sum, { writer }) => sum + (writer?.restarts ?? 0), 0);
  }

  #counts(): LevelCounts {
    const sum = { written: 0, skipped: 0, failed: 0, bytes: 0 };
    for (const { counts } of this.#levels)
      for (const name of ['written', 'skipped', 'failed', 'bytes'] as const) sum[name] += counts[name];
    return sum;
  }

  #result(): WarmResult {
    const { plan } = this;
    const resumedAt = plan.resume?.reached?.position.rows;
    const uncertain = this.#levels.reduce((sum, { underWay, unclear }) => sum + underWay + unclear, 0);
    return {
      read: this.#read,
      ...this.#counts(),
      levels: this.#levels.map(({ level, counts }) => ({
        name: level.name,
        target: level.target,
        ...counts,
      })),
      failures: [...this.#failures]
        .map(([reason, failure]) => ({ reason, ...failure }))
        .sort((a, b) => b.count - a.count)
        .slice(0, 20),
      ...(plan.deadLetter === undefined ? {} : { deadLetter: plan.deadLetter }),
      ...(this.#deadLetters?.missing ? { deadLettersMissing: this.#deadLetters.missing } : {}),
      ...(uncertain > 0 ? { uncertain } : {}),
      ...(this.#verified === undefined ? {} : { verified: this.#verified }),
      restarts: this.#restarts(),
      ...(resumedAt === undefined ? {} : { resumedAt }),
    };
  }
}

function sizeOf(value: StoredValue): number {
  return typeof value === 'string' ? value.length : value.reduce((sum, part) => sum + part.length, 0);
}
