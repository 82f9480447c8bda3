/**
 * How many times as much processor time `work` takes at the size `large` as at `small`. Of several tries each the quickest
 * counts, so that neither other processes nor the collection of garbage do.
 */
export function growth(work: (size: number) => void, small: number, large: number): number {
  const took = { [small]: Infinity, [large]: Infinity };
  for (let i = 0; i < 5; i++)
    for (const size of [small, large]) {
      const before = process.cpuUsage();
      work(size);
      const { user, system } = process.cpuUsage(before);
      took[size] = Math.min(took[size]!, user + system);
    }
  // Microseconds: less than some is nothing that can be compared.
  return took[large]! / Math.max(took[small]!, 20);
}
