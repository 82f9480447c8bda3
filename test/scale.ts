/** How much longer than usual tests of random cases run: METRIFY_TEST_SCALE; `npm run long` sets it. */
const scale = Number(process.env['METRIFY_TEST_SCALE'] ?? 1);

/** A number of random cases, times METRIFY_TEST_SCALE. */
export function scaled(count: number): number {
  return Math.max(1, Math.round(count * scale));
}
