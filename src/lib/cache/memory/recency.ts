/**
 * Places in the order of their last use. Links are numbers in two arrays: a touch of one place in a hundred thousand
 * stays within the processor's cache, which objects that point to each other do not.
 */
export class Recency {
  /** Place 0 is the ends' own: its newer is the oldest, its older the newest. */
  private newer = new Uint32Array(1024);
  private older = new Uint32Array(1024);
  private free: number[] = [];
  private next = 1;

  /** The place used longest ago; 0 when there is none. */
  get oldest(): number {
    return this.newer[0]!;
  }

  /** A new place, just used. */
  add(): number {
    const place = this.free.pop() ?? this.next++;
    if (place >= this.newer.length) {
      this.newer = grown(this.newer);
      this.older = grown(this.older);
    }
    this.link(place);
    return place;
  }

  touch(place: number): void {
    if (this.older[0] === place) return;
    this.unlink(place);
    this.link(place);
  }

  remove(place: number): void {
    this.unlink(place);
    this.free.push(place);
  }

  clear(): void {
    this.newer[0] = this.older[0] = 0;
    this.free = [];
    this.next = 1;
  }

  private link(place: number): void {
    const newest = this.older[0]!;
    this.older[place] = newest;
    this.newer[newest] = place;
    this.newer[place] = 0;
    this.older[0] = place;
  }

  private unlink(place: number): void {
    const newer = this.newer[place]!;
    const older = this.older[place]!;
    this.older[newer] = older;
    this.newer[older] = newer;
  }
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}
