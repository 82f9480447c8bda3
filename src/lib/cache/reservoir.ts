/** A uniform sample of at most `size` items of a stream whose length is not known. */
export class Reservoir<T> {
  readonly items: T[] = [];
  private seen = 0;

  constructor(
    private readonly size: number,
    private readonly random: () => number = Math.random,
  ) {}

  offer(item: T): void {
    this.seen++;
    if (this.items.length < this.size) {
      this.items.push(item);
      return;
    }
    const place = Math.floor(this.random() * this.seen);
    if (place < this.size) this.items[place] = item;
  }
}
