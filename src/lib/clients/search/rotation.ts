import type { Clock } from '../../core/clock.js';

/** How long what could not be reached is passed over. */
const restMs = 30_000;

/** Servers of one cluster: asked in turn, and those that could not be reached a while ago only after all others. */
export class Rotation<T> {
  readonly #members: readonly { readonly value: T; restsUntil: number }[];
  readonly #clock: Pick<Clock, 'monotonic'>;
  #next = 0;

  constructor(values: readonly T[], clock: Pick<Clock, 'monotonic'>) {
    this.#members = values.map((value) => ({ value, restsUntil: 0 }));
    this.#clock = clock;
  }

  /** All of them, in the order in which they are to be tried. */
  order(): readonly T[] {
    const first = this.#next++ % this.#members.length;
    const inTurn = [...this.#members.slice(first), ...this.#members.slice(0, first)];
    const now = this.#clock.monotonic();
    const rests = ({ restsUntil }: { restsUntil: number }) => (restsUntil > now ? restsUntil : 0);
    return inTurn.sort((a, b) => rests(a) - rests(b)).map(({ value }) => value);
  }

  /** It could not be reached. */
  rest(value: T): void {
    this.#of(value).restsUntil = this.#clock.monotonic() + restMs;
  }

  /** It was reached. */
  wake(value: T): void {
    this.#of(value).restsUntil = 0;
  }

  #of(value: T) {
    return this.#members.find((member) => member.value === value)!;
  }
}
