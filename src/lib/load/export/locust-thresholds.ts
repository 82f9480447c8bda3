import type { Threshold } from '../threshold.js';
import { type Code, literal } from './code.js';
import type { ExportSource } from './source.js';

/** A listener that judges at the end, and the thresholds that it cannot judge. Exit codes are those of metrify. */
export function locustThresholds({ thresholds }: ExportSource): {
  readonly thresholds: Code[];
  readonly losses: readonly string[];
} {
  const judged = thresholds.map((threshold) => ({ threshold, value: valueOf(threshold) }));
  const losses = judged.flatMap(({ threshold: { expression, abortAfterMs }, value }) =>
    value === undefined
      ? [`The threshold ${expression} is left out: Locust does not measure it.`]
      : abortAfterMs === undefined
        ? []
        : [`The threshold ${expression} does not end the run: it is judged at its end.`],
  );
  const known = judged.filter(({ value }) => value !== undefined);
  const lines = known.map(
    ({ threshold: { expression, operator, limit, passesWithoutData }, value }) =>
      `(${literal(expression)}, lambda: ${value!}, lambda value: value ${operator} ${limit}, ${passesWithoutData ? 'True' : 'False'}),`,
  );
  return {
    losses,
    thresholds: [
      'THRESHOLDS = [',
      lines,
      ']',
      '',
      '',
      'def chosen(name=None):',
      [
        'total = Tally()',
        'for each, tally in tallies.items():',
        ['if name is None or each == name:', ['total.add(tally)']],
        'return total',
      ],
      '',
      '',
      'def share(part, whole):',
      ['return part / whole if whole > 0 else None'],
      '',
      '',
      'def checks_passed(tally, name=None):',
      [
        'counts = [(ok, n) for (check, ok), n in tally.checks.items() if name is None or check == name]',
        'return share(sum(n for ok, n in counts if ok), sum(n for _, n in counts))',
      ],
      '',
      '',
      '@events.test_start.add_listener',
      'def begin(environment, **_):',
      ['tallies.clear()', 'environment.began = time.monotonic()'],
      '',
      '',
      '@events.test_stop.add_listener',
      'def finish(environment, **_):',
      ['environment.lasted = time.monotonic() - environment.began'],
      '',
      '',
      '@events.quitting.add_listener',
      'def judge(environment, **_):',
      [
        'global seconds',
        'seconds = max(getattr(environment, "lasted", 0), 0.001)',
        'code = 5 if chosen().answered == 0 and chosen().sent > 0 else 0',
        'for expression, observe, holds, passes_without_data in THRESHOLDS:',
        [
          'value = observe()',
          'if value is None:',
          ['print(f"{expression}: no data")', 'if not passes_without_data and code == 0:', ['code = 7']],
          'elif not holds(value):',
          ['print(f"{expression}: failed, {value:g}")', 'if code != 5:', ['code = 3']],
          'else:',
          ['print(f"{expression}: passed, {value:g}")'],
        ],
        '# A request that failed is for thresholds to judge.',
        'environment.process_exit_code = code',
      ],
    ],
  };
}

/** An expression: a number, or None without data. */
function valueOf({ metric, filter, isShare }: Threshold): string | undefined {
  const { name, check, ...others } = filter;
  if (Object.keys(others).length > 0) return undefined;
  const tally = name === undefined ? 'chosen()' : `chosen(${literal(name)})`;
  if (typeof metric === 'object') {
    if (!('quantile' in metric) || metric.of === 'wait') return undefined;
    return `${tally}.quantile(${metric.quantile})`;
  }
  const count = (code: string) => (isShare ? `share(${code}, ${tally}.sent)` : code);
  switch (metric) {
    case 'error_rate':
      return `share(${tally}.failed + ${tally}.unexpected, ${tally}.sent)`;
    case 'checks':
      return `checks_passed(${tally}${check === undefined ? '' : `, ${literal(check)}`})`;
    case 'rps':
      return `${tally}.answered / seconds`;
    case 'achieved_rate':
      return `${tally}.sent / seconds`;
    case 'goodput':
      return `sum(${tally}.latencies.values()) / seconds`;
    case 'sent':
    case 'answered':
    case 'failed':
    case 'unexpected':
      return count(`${tally}.${metric}`);
    case 'errors':
      return count(`${tally}.failed + ${tally}.unexpected`);
    default:
      return undefined;
  }
}
