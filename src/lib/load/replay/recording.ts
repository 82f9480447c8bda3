import { linesOf, type LogFile } from '../../access-log/file.js';
import { parseLogLine } from '../../access-log/line.js';
import { safeTarget } from '../../access-log/target.js';
import { parseLogTime } from '../../access-log/time.js';
import { bytesOf, type ByteString, fromBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { templateOf } from './template.js';
import { TimeOrder } from './time-order.js';

/** A request of a log, which is due when the log says. */
export interface RecordedRequest {
  /** Milliseconds from the beginning of the replay. */
  readonly dueMs: number;
  /** `GET /meters/{id}/latest` */
  readonly name: string;
  readonly method: string;
  /** With its query; each char code is one byte. */
  readonly path: ByteString;
  /** With which it was answered then. */
  readonly status: number | undefined;
}

export interface RecordingOptions {
  /** How many seconds of the log are one second of the replay. */
  readonly speed: number;
  /** Only requests with these. */
  readonly methods: readonly string[];
  /** Only lines that are for this host, where the log says so. */
  readonly host: string | undefined;
}

/** What stood in a log so far. Counts of lines. */
export interface LogCounts {
  read: number;
  /** Neither JSON nor the common or combined format. */
  malformed: number;
  /** Requests left out, and why. `undated`: without a time that can be read. */
  readonly skipped: { undated: number; method: number; unsafe: number; host: number };
  /** Lines that came after one with a later time. */
  disordered: number;
  /** Those of them that came too late to be put into their place. */
  tooLate: number;
  /** Requests that are replayed. */
  requests: number;
}

/** Requests last that long, mostly. What is held back is about 60 MB. */
const limits = { windowMs: 60_000, most: 100_000, mostSize: 16 * 1024 * 1024 };

interface Line {
  readonly method: string;
  readonly path: ByteString;
  readonly status: number | undefined;
}

/** The requests of a log in the order of their times, read while they are replayed. */
export class LogRecording {
  readonly counts: LogCounts = {
    ...{ read: 0, malformed: 0, disordered: 0, tooLate: 0, requests: 0 },
    skipped: { undated: 0, method: 0, unsafe: 0, host: 0 },
  };
  readonly #log: LogFile;
  readonly #options: RecordingOptions;
  readonly #order = new TimeOrder<Line>(limits);
  /** Whether any time was written with parts of a second: then all are what they say. */
  #isFine = false;
  /** When the log begins. */
  #begin: number | undefined;
  #lastDueMs = 0;
  #endMs = 0;
  #failure: Error | undefined;

  constructor(log: LogFile, options: RecordingOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Milliseconds from the beginning to the end of what was read. */
  get endMs(): number {
    return this.#endMs;
  }

  /** Why it was not read to its end: what `requests` threw. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Requests in the order in which they are due; those of a second without parts spread evenly over it.
   * @throws UserError `NO_ACCESS_LOG` when no line is one of an access log, `NOTHING_TO_REPLAY` when none is left; what
   * `linesOf` throws
   */
  async *requests(signal: AbortSignal): AsyncGenerator<readonly RecordedRequest[]> {
    try {
      for await (const lines of linesOf(this.#log, signal, () => {})) {
        for (const line of lines) this.#read(line);
        const ready = this.#take(false);
        if (ready.length > 0) yield ready;
      }
      const last = this.#take(true);
      if (last.length > 0) yield last;
      if (this.counts.requests === 0) throw this.#nothing();
    } catch (error) {
      this.#failure = error as Error;
      throw error;
    }
  }

  #read(line: ByteString | undefined): void {
    const { counts } = this;
    if (line === '') return;
    counts.read++;
    const request = line === undefined ? undefined : parseLogLine(line);
    if (!request) {
      counts.malformed++;
      return;
    }
    const { method, status } = request;
    const time = request.time === undefined ? undefined : parseLogTime(request.time);
    const target = safeTarget(request.target);
    if (!this.#options.methods.includes(method)) counts.skipped.method++;
    else if (time === undefined) counts.skipped.undated++;
    else if (!target) counts.skipped.unsafe++;
    else if (!this.#isFor(target.host ?? request.host)) counts.skipped.host++;
    else {
      this.#isFine ||= time.isFine;
      // A copy: a slice would keep the whole of what was read in memory.
      const path = bytesOf(Buffer.from(target.path, 'latin1'));
      this.#order.add(time.ms, { method, path, status }, path.length);
    }
  }

  /** A host is named with or without its port. */
  #isFor(host: string | undefined): boolean {
    const bare = (name: string) => name.toLowerCase().replace(/:\d+$/, '');
    const wanted = this.#options.host;
    return wanted === undefined || host === undefined || bare(host) === bare(wanted);
  }

  #take(isEnd: boolean): RecordedRequest[] {
    const { counts } = this;
    const taken: RecordedRequest[] = [];
    const spanMs = this.#isFine ? 0 : 1000;
    for (const { time, items } of this.#order.take(isEnd)) {
      this.#begin ??= time;
      const offset = time - this.#begin;
      items.forEach((item, i) => {
        const dueMs = (offset + (spanMs * i) / items.length) / this.#options.speed;
        this.#lastDueMs = Math.max(this.#lastDueMs, dueMs);
        taken.push({
          ...item,
          dueMs: this.#lastDueMs,
          name: `${item.method} ${templateOf(fromBytes(item.path))}`,
        });
      });
      this.#endMs = (offset + spanMs) / this.#options.speed;
      counts.requests += items.length;
    }
    counts.disordered = this.#order.disordered;
    counts.tooLate = this.#order.tooLate;
    return taken;
  }

  #nothing(): UserError {
    const { read, malformed, skipped } = this.counts;
    const { label } = this.#log;
    if (read === 0)
      return new UserError(`${label} is empty`, {
        code: 'INPUT_EMPTY',
        hint: 'Was it just rotated? Give the log before it (access.log.1).',
      });
    if (malformed === read)
      return new UserError(`${label} is not an access log: none of its ${read} lines is one`, {
        code: 'NO_ACCESS_LOG',
        hint: 'Known are the common and combined formats, and JSON lines with a time and a request line, or with method and path.',
      });
    const reasons: [number, string][] = [
      [skipped.method, 'with other methods'],
      [skipped.undated, 'without a time'],
      [skipped.unsafe, 'with an unsafe path'],
      [skipped.host, 'for other sites'],
    ];
    const why = reasons.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
    return new UserError(`${label} has nothing to replay: ${why.join(', ')}`, {
      code: 'NOTHING_TO_REPLAY',
      hint: 'GET and HEAD are replayed: --methods names others.',
    });
  }
}
