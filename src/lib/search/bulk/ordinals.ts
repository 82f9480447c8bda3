import type { ByteString } from '../../core/bytes.js';

/**
 * Counts how often each id came before. Of an id, which is a hash itself, 64 bits are kept: 12 bytes a document, up to
 * twice that while it grows.
 */
export class Ordinals {
  #slots = 1 << 12;
  #hashes = new BigUint64Array(this.#slots);
  #counts = new Uint32Array(this.#slots);
  #used = 0;

  /** How many times the id was given before. @param id in base64url, of at least 11 characters */
  next(id: ByteString): number {
    if (this.#used * 4 >= this.#slots * 3) this.#grow();
    const hash = Buffer.from(id.slice(0, 11), 'base64url').readBigUInt64LE(0);
    const slot = this.#find(hash);
    if (this.#counts[slot] === 0) {
      this.#hashes[slot] = hash;
      this.#used++;
    }
    return this.#counts[slot]!++;
  }

  #find(hash: bigint): number {
    const mask = this.#slots - 1;
    let slot = Number(hash & 0x7fff_ffffn) & mask;
    while (this.#counts[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [hashes, counts] = [this.#hashes, this.#counts];
    this.#slots *= 2;
    this.#hashes = new BigUint64Array(this.#slots);
    this.#counts = new Uint32Array(this.#slots);
    for (const [i, count] of counts.entries()) {
      if (count === 0) continue;
      const slot = this.#find(hashes[i]!);
      this.#hashes[slot] = hashes[i]!;
      this.#counts[slot] = count;
    }
  }
}
