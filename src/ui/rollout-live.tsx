import { Box, Text } from 'ink';

import { formatCount, formatPercent } from '../lib/core/units.js';
import type { CheckResult } from '../lib/rollout/analysis/judgement.js';
import type { RolloutState } from '../lib/rollout/state.js';
import { escapeLine } from '../runtime/escape.js';
import type { Terminal } from '../runtime/terminal.js';
import { View } from './view.js';

const redrawsPerSecond = 30;

/** A view of a rollout, drawn again with what each `show` gives. */
export function openRolloutView(terminal: Terminal) {
  const { width, redactor } = terminal;
  const view = new View(terminal, redrawsPerSecond);
  view.draw(<Text dimColor>looking…</Text>);
  return {
    show: (props: Omit<RolloutViewProps, 'width'>) =>
      view.draw(<RolloutView {...redactor.data(props)} width={width} />),
    erase: () => view.erase(),
    close: () => view.close(),
  };
}

export interface RolloutViewProps {
  readonly state: RolloutState;
  readonly did: string;
  readonly warnings: readonly string[];
  /** What the step waits for: `2m of at least 5m in this step`. */
  readonly waits: readonly string[];
  /** Columns. */
  readonly width: number;
}

/** A running rollout: weights, both versions side by side, and how near each verdict is. */
export function RolloutView({ state, did, warnings, waits, width }: RolloutViewProps) {
  const { versions, weights, steps, step } = state;
  const room = Math.max(10, Math.min(50, width - 34));
  return (
    <Box flexDirection="column">
      <Text>
        <Text bold>{escapeLine(state.app)}</Text> {escapeLine(versions.stable.name)} →{' '}
        {escapeLine(versions.canary.name)}
        {'  '}step {step + 1} of {steps.length}
        {'  '}
        <Text color={state.phase === 'progressing' ? 'yellow' : state.phase === 'promoted' ? 'green' : 'red'}>
          {state.phase}
        </Text>
      </Text>
      <Weight name={versions.stable.name} percent={weights.stable} room={room} color="cyan" />
      <Weight name={versions.canary.name} percent={weights.canary} room={room} color="magenta" />
      <SideBySide checks={state.checks} names={[versions.stable.name, versions.canary.name]} />
      {state.checks.map((check) => (
        <Verdict key={check.name} check={check} room={room} />
      ))}
      {warnings.map((warning) => (
        <Text key={warning} color="yellow">
          {escapeLine(warning)}
        </Text>
      ))}
      <Text dimColor>
        {escapeLine(waits.length > 0 ? `waits for ${waits.join('; ')}` : did)}
        {state.phase === 'progressing' ? '; Ctrl-C holds the weights as they are' : ''}
      </Text>
    </Box>
  );
}

function Weight(props: { name: string; percent: number; room: number; color: string }) {
  const filled = Math.round((props.percent / 100) * props.room);
  return (
    <Text>
      {escapeLine(props.name).slice(0, 16).padEnd(17)}
      {`${Number(props.percent.toFixed(2))}%`.padStart(7)}{' '}
      <Text color={props.color}>{'█'.repeat(filled)}</Text>
      <Text dimColor>{'░'.repeat(props.room - filled)}</Text>
    </Text>
  );
}

/** The numbers of both versions, from the checks that compare them. */
function SideBySide({ checks, names }: { checks: readonly CheckResult[]; names: readonly [string, string] }) {
  const compared = checks.filter(({ numbers }) => numbers?.stableOf !== undefined);
  if (compared.length === 0) return null;
  const rows = compared.map(({ name, numbers }) => [
    name,
    share(numbers!.stable!, numbers!.stableOf!),
    share(numbers!.canary!, numbers!.canaryOf!),
  ]);
  const table = [['', ...names.map((name) => escapeLine(name).slice(0, 22))], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map(
    ([name, stable, canary]) =>
      `${name!.padEnd(widths[0]!)}  ${stable!.padStart(widths[1]!)}  ${canary!.padStart(widths[2]!)}`,
  );
  return (
    <Box flexDirection="column" marginTop={1}>
      {lines.map((line, i) => (
        <Text key={line} dimColor={i === 0}>
          {line}
        </Text>
      ))}
    </Box>
  );
}

function share(events: number, trials: number): string {
  return trials > 0 ? `${formatPercent(events / trials, 2)} of ${formatCount(trials)}` : '–';
}

/** A check; where it has an interval, the interval against its limit, narrowing look by look. */
function Verdict({ check, room }: { check: CheckResult; room: number }) {
  const { name, verdict, observed, numbers } = check;
  const color = verdict === 'passed' ? 'green' : verdict === 'failed' ? 'red' : 'yellow';
  const hasInterval =
    numbers?.lower !== undefined && numbers.upper !== undefined && numbers.tolerance !== undefined;
  return (
    <Box flexDirection="column" marginTop={1}>
      <Text>
        {escapeLine(name).slice(0, 16).padEnd(17)}
        <Text color={color}>{verdict}</Text>
      </Text>
      {hasInterval && (
        <Text>
          {''.padEnd(17)}
          <Text color={color}>
            {intervalLine(numbers.lower!, numbers.upper!, numbers.tolerance!, room + 8)}
          </Text>
        </Text>
      )}
      <Text dimColor>
        {''.padEnd(17)}
        {escapeLine(observed)}
      </Text>
    </Box>
  );
}

/**
 * The interval of the increase on a line from −3 to +5 tolerances, with the limit as a bar: wholly left of it is a
 * pass, wholly right of it a rejection.
 */
export function intervalLine(lower: number, upper: number, tolerance: number, width: number): string {
  const unit = Math.max(tolerance, 1e-9);
  const column = (value: number) =>
    Math.max(0, Math.min(width - 1, Math.round(((value / unit + 3) / 8) * (width - 1))));
  const cells = new Array<string>(width).fill('·');
  for (let i = column(lower); i <= column(upper); i++) cells[i] = '━';
  if (lower < -3 * unit) cells[0] = '‹';
  if (upper > 5 * unit) cells[width - 1] = '›';
  cells[column(tolerance)] = '┃';
  return cells.join('');
}
