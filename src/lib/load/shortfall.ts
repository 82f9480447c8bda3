import { UserError } from '../core/errors.js';
import { formatDuration, parseDuration, parsePercent } from '../core/units.js';

/** When an open loop that does not keep its rate is stopped. */
export interface ShortfallLimit {
  /** Of the requests that were due. */
  readonly share: number;
  /** In so many milliseconds. */
  readonly windowMs: number;
}

/** Parses `10% for 5s`. @throws UserError */
export function parseShortfall(text: string): ShortfallLimit {
  const [, share, duration] = /^\s*(\d+(?:\.\d+)?%)\s+for\s+(\S+)\s*$/.exec(text) ?? [];
  if (share === undefined || duration === undefined)
    throw new UserError(`'${text}' is not a shortfall`, { hint: "Write it like '10% for 5s'." });
  const limit = { share: parsePercent(share), windowMs: parseDuration(duration) };
  if (limit.windowMs === 0)
    throw new UserError(`'${text}' is a shortfall in no time`, { hint: "Write it like '10% for 5s'." });
  return limit;
}

/** Compares what was sent with what was due, in the window before each look. */
export class ShortfallWatch {
  readonly #limit: ShortfallLimit;
  readonly #looks: { readonly at: number; readonly due: number; readonly sent: number }[] = [];

  constructor(limit: ShortfallLimit) {
    this.#limit = limit;
  }

  /**
   * @param at milliseconds of any clock
   * @param due requests that were due until then, and `sent` of them
   * @returns why the run is to be stopped
   */
  look(at: number, due: number, sent: number): string | undefined {
    const { share, windowMs } = this.#limit;
    const looks = this.#looks;
    looks.push({ at, due, sent });
    while (looks.length > 1 && looks[1]!.at <= at - windowMs) looks.shift();
    const first = looks[0]!;
    if (first.at > at - windowMs || due === first.due) return undefined;
    const missing = 1 - (sent - first.sent) / (due - first.due);
    if (missing <= share) return undefined;
    return `${(missing * 100).toFixed(0)}% of what was due within ${formatDuration(windowMs)} was not sent`;
  }
}
