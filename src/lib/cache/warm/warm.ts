import type { ByteString } from '../../core/bytes.js';
import { withGrace } from '../../core/abort.js';
import type { Clock } from '../../core/clock.js';
import { UserError } from '../../core/errors.js';
import { Pace } from '../../core/pace.js';
import type { Progress } from '../../core/progress.js';
import type { RowSource, SourcePosition } from '../../sources/row-source.js';
import {
  type Checkpoint,
  type LevelCounts,
  removeCheckpoint,
  type RunIdentity,
  saveCheckpoint,
} from './checkpoint.js';
import { DeadLetterFile } from './dead-letter.js';
import { compileKey } from './key-template.js';
import type { BulkLevel, Entry, BulkWriter, StoredValue } from '../bulk-level.js';
import { addVerified, KeyFilter, type Verified, verify, type VerifyPlan, WrittenSample } from './verify.js';

export interface WarmPlan<Row = unknown> {
  source: RowSource<Row>;
  levels: BulkLevel[];
  /** `meter:{meter_id}:latest` */
  key: string;
  /** `json`, `hash`, or `column:NAME`. */
  value: string;
  /** Milliseconds for each level; 0 keeps keys forever. */
  ttlMs: number[];
  /** Share of the time to live, 0 to 1: each key gets TTL × (1 ± jitter). */
  ttlJitter: number;
  nx: boolean;
  /** Rows a second. */
  rate?: number | undefined;
  /** File that a stopped run goes on from. */
  resume?: { path: string; checkpoint?: Checkpoint | undefined } | undefined;
  deadLetter?: string | undefined;
  /** How many of the written keys are compared afterwards. */
  verify?: number | 'all' | undefined;
}

export interface WarmResult extends LevelCounts {
  /** Rows. A row written to two levels counts twice in `written`, once here. */
  read: number;
  levels: ({ name: string; target: string } & LevelCounts)[];
  /** Reasons of what failed, most frequent first. */
  failures: { reason: string; count: number; firstLine?: number }[];
  deadLetter?: string;
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
  /** Something may have been written from here on. */
  started(result: () => WarmResult): void;
}

const checkpointEveryMs = 1000;
const graceMs = 5000;
/** Compared after a server restarted, when nothing else was asked for. */
const sampleAfterRestart = 1000;

export function identityOf<Row>(plan: Omit<WarmPlan<Row>, 'resume'>): RunIdentity {
  return {
    source: plan.source.identity,
    key: plan.key,
    value: plan.value,
    ttlMs: plan.ttlMs,
    ttlJitter: plan.ttlJitter,
    nx: plan.nx,
    targets: plan.levels.map(({ name, target }) => `${name}=${target}`),
  };
}

/** @throws UserError exit 2 when the template or the value names a column that the source does not have. */
export function compileEntry<Row>(
  plan: Pick<WarmPlan<Row>, 'source' | 'key' | 'value' | 'levels'>,
): (row: Row) => { key: ByteString | null; value: StoredValue | null } {
  const { source, value } = plan;
  const key = compileKey(plan.key, source);
  if (value === 'json') return (row) => ({ key: key(row), value: source.json(row) });
  if (value === 'hash') {
    const without = plan.levels.find((level) => !level.hashes);
    if (without)
      throw new UserError(`level '${without.name}' (${without.type}) has no hashes`, {
        hint: 'Use --value json, or a Redis level.',
      });
    return (row) => ({ key: key(row), value: source.fields(row) });
  }
  const column = source.column(value.slice('column:'.length));
  return (row) => ({ key: key(row), value: column(row) });
}

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
  /** Keys not to be compared. */
  excluded: KeyFilter;
  sample: WrittenSample;
}

class WarmRun<Row> {
  readonly #failures = new Map<string, { count: number; firstLine?: number }>();
  readonly #levels: WarmedLevel[];
  readonly #entryOf: ReturnType<typeof compileEntry<Row>>;
  #deadLetters: DeadLetterFile | undefined;
  #read = 0;
  #verified: Verified | undefined;

  constructor(
    private readonly plan: WarmPlan<Row>,
    private readonly hooks: WarmHooks,
  ) {
    this.#entryOf = compileEntry(plan);
    const before = plan.resume?.checkpoint;
    this.#read = before?.read ?? 0;
    this.#levels = plan.levels.map((level, i) => ({
      level,
      counts: before?.levels[i] ?? { written: 0, skipped: 0, failed: 0, bytes: 0 },
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
    const tidying = withGrace(hooks.signal, graceMs);
    if (plan.deadLetter !== undefined)
      this.#deadLetters = await DeadLetterFile.open(
        plan.deadLetter,
        plan.resume?.checkpoint?.deadLetterBytes ?? 0,
      );
    try {
      for (const entry of this.#levels)
        entry.writer = await entry.level.writer({
          nx: plan.nx,
          signal: tidying,
          settled: (item, outcome, reason) => this.#settle(entry, item, outcome, reason),
        });
      hooks.started(() => this.#result());
      await this.#copy();
      if (this.#wantsVerification()) await this.#verify();
      if (plan.resume) await removeCheckpoint(plan.resume.path);
      return this.#result();
    } finally {
      await this.#deadLetters?.close().catch(() => {});
      for (const { writer } of this.#levels) await writer?.close();
    }
  }

  async #copy(): Promise<void> {
    const { plan, hooks } = this;
    const { source, resume } = plan;
    const pace = new Pace(plan.rate, hooks.clock);
    let position: SourcePosition | undefined = resume?.checkpoint?.position;
    let savedAt = hooks.clock.monotonic();
    // Whether the counts are those of `position`: they are not in the middle of a batch.
    let whole = true;
    const batches = source.batches({
      signal: hooks.signal,
      ...(position === undefined ? {} : { from: position }),
      fingerprint: resume !== undefined,
      // Under a rate a batch takes a second at most: a run can be stopped, and gone on with, no farther apart.
      ...(plan.rate === undefined ? {} : { maxRows: Math.min(4096, plan.rate) }),
    });
    try {
      for await (const batch of batches) {
        whole = false;
        for (const { line, reason, text } of batch.rejected) this.#reject(line, reason, text);
        await this.#write(batch.rows, batch.lines, pace);
        position = batch.position;
        hooks.progress.update(this.#read, source.estimatedRows);
        await this.#deadLetters?.flush();
        if (resume && hooks.clock.monotonic() - savedAt > checkpointEveryMs) {
          await this.#checkpoint(resume.path, position);
          savedAt = hooks.clock.monotonic();
        }
        whole = true;
      }
      whole = false;
      await this.#drain();
    } catch (error) {
      // What is under way is settled, so that the counts are right and the checkpoint is as far as it can be. A batch
      // that was cut short is read again as a whole; and a level that is gone is not waited for twice.
      if (whole && resume && position) await this.#checkpoint(resume.path, position).catch(() => {});
      else if (whole || hooks.signal.aborted) await this.#drain().catch(() => {});
      throw error;
    }
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
        else entries.push({ key, value, ttlMs: 0, line, row: this.#deadLetters && row });
      }
      for (const [n, { writer }] of this.#levels.entries()) {
        const ttl = plan.ttlMs[n]!;
        // Each level settles entries of its own: their times to live differ.
        const own = n === 0 ? entries : entries.map((entry) => ({ ...entry }));
        if (ttl > 0)
          for (const entry of own)
            entry.ttlMs =
              plan.ttlJitter === 0
                ? ttl
                : Math.max(1, Math.round(ttl * (1 + (Math.random() * 2 - 1) * plan.ttlJitter)));
        await writer!.write(own);
      }
      if (Number.isFinite(pace.portion)) hooks.progress.update(this.#read, plan.source.estimatedRows);
    }
  }

  #settle(
    { level, counts, excluded, sample }: WarmedLevel,
    entry: Entry,
    outcome: 'written' | 'skipped' | 'failed',
    reason?: string,
  ): void {
    counts[outcome]++;
    if (outcome === 'written') {
      counts.bytes += entry.key.length + sizeOf(entry.value);
      if (this.plan.verify !== 'all') sample.offer(entry);
      return;
    }
    excluded.add(entry.key);
    if (outcome === 'skipped') return;
    this.#fail(reason ?? 'refused', entry.line);
    this.#deadLetters?.add({
      line: entry.line,
      reason: reason ?? 'refused',
      level: level.name,
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
    for (const { writer } of this.#levels) await writer!.drain();
    await this.#deadLetters?.flush();
  }

  async #checkpoint(path: string, position: SourcePosition): Promise<void> {
    await this.#drain();
    await saveCheckpoint(path, {
      run: identityOf(this.plan),
      position,
      read: this.#read,
      levels: this.#levels.map(({ counts }) => counts),
      deadLetterBytes: this.#deadLetters?.bytes ?? 0,
    });
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
    const from = nx ? resume?.checkpoint?.position : undefined;
    if (from) this.hooks.warn(`the first ${from.rows} rows are not compared: some may have been skipped`);
    for await (const batch of source.batches({ signal: this.hooks.signal, ...(from ? { from } : {}) }))
      for (const row of batch.rows) {
        const { key, value } = this.#entryOf(row);
        if (key !== null && value !== null) yield [key, value];
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
    const resumedAt = plan.resume?.checkpoint?.position.rows;
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
      ...(this.#verified === undefined ? {} : { verified: this.#verified }),
      restarts: this.#restarts(),
      ...(resumedAt === undefined ? {} : { resumedAt }),
    };
  }
}

function sizeOf(value: StoredValue): number {
  return typeof value === 'string' ? value.length : value.reduce((sum, part) => sum + part.length, 0);
}
