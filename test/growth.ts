/**
 * How many times as much processor time `work` takes at the size `large` as at `small`. Of several tries each the quickest
 * counts, so that neither other processes nor the collection of garbage do.
 */
export function growth(work: (size: number) => void, small: number, large: number): number {
  const took = { [small]: Infinity, [large]: Infinity };
  // Microseconds: less than some is nothing that can be compared.
  const ratio = () => took[large]! / Math.max(took[small]!, 20);
  const begun = performance.now();
  // On a busy machine five tries may all be disturbed.
  for (let i = 0; i < 5 || (i < 25 && ratio() > large / small && performance.now() - begun < 5000); i++)
    for (const size of [small, large]) {
      const before = process.cpuUsage();
      work(size);
      const { user, system } = process.cpuUsage(before);
      took[size] = Math.min(took[size]!, user + system);
    }
  return ratio();
}
