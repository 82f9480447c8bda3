/** What was added for one time, in the order in which it came. */
export interface TimeGroup<T> {
  /** Milliseconds. */
  readonly time: number;
  readonly items: readonly T[];
}

export interface TimeOrderLimits {
  /** How much later than an item its successors may come, in milliseconds of their times. */
  readonly windowMs: number;
  /** Most items, and their sizes together, that are held back. */
  readonly most: number;
  readonly mostSize: number;
}

/**
 * Puts items in the order of their times, as far as a window of bounded size sees: servers write a line when a request ends,
 * and some of them the time at which it began.
 */
export class TimeOrder<T> {
  readonly #limits: TimeOrderLimits;
  /** Ascending; those before `#first` have been taken. */
  #times: number[] = [];
  #first = 0;
  readonly #groups = new Map<number, { items: T[]; size: number }>();
  #held = 0;
  #size = 0;
  #latest = -Infinity;
  #taken = -Infinity;
  /** Items that came after one with a later time. */
  disordered = 0;
  /** Those of them whose place had been passed already: they take the next one. */
  tooLate = 0;

  constructor(limits: TimeOrderLimits) {
    this.#limits = limits;
  }

  add(time: number, item: T, size: number): void {
    if (time < this.#latest) this.disordered++;
    else this.#latest = time;
    if (time < this.#taken) this.tooLate++;
    const place = Math.max(time, this.#taken);
    let group = this.#groups.get(place);
    if (!group) {
      this.#groups.set(place, (group = { items: [], size: 0 }));
      this.#insert(place);
    }
    group.items.push(item);
    group.size += size;
    this.#held++;
    this.#size += size;
  }

  /** Groups whose time has passed the window; at the end, all. */
  *take(isEnd: boolean): Generator<TimeGroup<T>> {
    const { windowMs, most, mostSize } = this.#limits;
    while (this.#first < this.#times.length) {
      const time = this.#times[this.#first]!;
      const isDue = time <= this.#latest - windowMs || this.#held > most || this.#size > mostSize;
      if (!isDue && !isEnd) return;
      const { items, size } = this.#groups.get(time)!;
      this.#groups.delete(time);
      this.#first++;
      if (this.#first > 1024 && this.#first * 2 > this.#times.length) {
        this.#times = this.#times.slice(this.#first);
        this.#first = 0;
      }
      this.#held -= items.length;
      this.#size -= size;
      this.#taken = time;
      yield { time, items };
    }
  }

  #insert(time: number): void {
    const times = this.#times;
    let at = times.length;
    while (at > this.#first && times[at - 1]! > time) at--;
    if (at === times.length) times.push(time);
    else times.splice(at, 0, time);
  }
}
