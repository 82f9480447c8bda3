/** Uniform on (0, 1), 52 bits of it. */
export type Random = () => number;

/** sfc32 (Chris Doty-Humphrey, PractRand): passes BigCrush, the same numbers everywhere for the same seed. */
export function seeded(seed: number): Random {
  let [a, b, c, counter] = [seed | 0, (seed / 2 ** 32) | 0, 0x9e3779b9 | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return () => ((next() >>> 6) * 2 ** 26 + (next() >>> 6) + 0.5) / 2 ** 52;
}

export interface Replayable {
  readonly seed: number;
  readonly random: Random;
}

/**
 * Random numbers that differ from run to run; METRIFY_TEST_SEED repeats those of a run.
 *
 * @param what - What is decided by them, for the line that prints the seed.
 */
export function replayable(what: string): Replayable {
  const seed = Number(process.env['METRIFY_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${what}: METRIFY_TEST_SEED=${seed}`);
  return { seed, random: seeded(seed) };
}
