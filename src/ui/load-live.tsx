import { Box, Text } from 'ink';
import { useEffect, useState } from 'react';

import { counted, formatCount, formatDuration, formatPercent } from '../lib/core/units.js';
import type { Stage } from '../lib/load/job.js';
import type { LiveRun, LiveSecond } from '../lib/load/live-run.js';
import { escapeLine } from '../runtime/escape.js';
import type { Terminal } from '../runtime/terminal.js';
import { formatRate } from './load-figures.js';
import { sparkline } from './sparkline.js';
import { View } from './view.js';

const redrawsPerSecond = 4;

/** What a live view knows of a run before it begins. */
export interface LivePlan {
  /** What is tested. */
  readonly title: string;
  readonly durationMs: number;
  readonly drainMs: number;
  /** Of an open loop, or of users that come and go; empty without. */
  readonly stages: readonly Stage[];
  /** What the stages change. */
  readonly of: 'rate' | 'users';
}

/** A view of how a run stands. */
export function openLoadView(terminal: Terminal, plan: LivePlan) {
  const { width, redactor } = terminal;
  const beganAt = performance.now();
  const shown = redactor.data(plan);
  const element = (run: LiveRun | undefined) => (
    <Live plan={shown} run={run} beganAt={beganAt} width={width} />
  );
  const view = new View(terminal, redrawsPerSecond);
  view.draw(element(undefined));
  return {
    show: (run: LiveRun) => view.draw(element(redactor.data(run))),
    erase: () => view.erase(),
  };
}

interface LiveProps {
  readonly plan: LivePlan;
  readonly run: LiveRun | undefined;
  /** On this thread's monotonic clock. */
  readonly beganAt: number;
  readonly width: number;
}

/** The view with the time that has passed, also while nothing is told. */
function Live({ beganAt, ...props }: LiveProps) {
  const [passedMs, setPassed] = useState(0);
  useEffect(() => {
    const clock = setInterval(() => setPassed(performance.now() - beganAt), 1000 / redrawsPerSecond);
    return () => clearInterval(clock);
  }, [beganAt]);
  return <LoadView {...props} passedMs={passedMs} />;
}

export function LoadView({
  plan,
  run,
  passedMs,
  width,
}: Omit<LiveProps, 'beganAt'> & { readonly passedMs: number }) {
  return (
    <Box flexDirection="column">
      <Text bold wrap="truncate-end">
        {escapeLine(plan.title)}
      </Text>
      <Passed plan={plan} passedMs={passedMs} width={width} underWay={run?.underWay ?? 0} />
      {run === undefined ? (
        <Text dimColor>no second of it is over yet</Text>
      ) : (
        <Figures run={run} width={width} />
      )}
      {run !== undefined && run.thresholds.length > 0 && <Thresholds thresholds={run.thresholds} />}
      <Text dimColor>Ctrl-C ends it, with the result of what ran</Text>
    </Box>
  );
}

/** How far it is, and in which stage. */
function Passed({
  plan,
  passedMs,
  width,
  underWay,
}: {
  plan: LivePlan;
  passedMs: number;
  width: number;
  underWay: number;
}) {
  const { durationMs, drainMs } = plan;
  if (passedMs >= durationMs)
    return (
      <Text color="yellow">
        all is sent; waits for {counted(underWay, 'answer')}, at most {formatDuration(drainMs)}
      </Text>
    );
  const share = passedMs / durationMs;
  const room = Math.max(10, Math.min(40, width - 50));
  const filled = Math.round(share * room);
  return (
    <Text wrap="truncate-end">
      <Text color="cyan">{'━'.repeat(filled)}</Text>
      <Text dimColor>{'╌'.repeat(room - filled)}</Text>
      {`  ${passedMs < 1000 ? '0s' : formatDuration(1000 * Math.floor(passedMs / 1000))} of ${formatDuration(durationMs)}`}
      <Text dimColor>{stageAt(plan, passedMs)}</Text>
    </Text>
  );
}

function stageAt({ stages, of }: LivePlan, ms: number): string {
  if (stages.length < 2) return '';
  let end = 0;
  const place = stages.findIndex(({ durationMs }) => ms < (end += durationMs));
  const stage = stages[place];
  if (!stage) return '';
  return `  stage ${place + 1} of ${stages.length}: ${levels(stage, of)}`;
}

function levels({ from, to }: Stage, of: LivePlan['of']): string {
  const end = of === 'rate' ? formatRate(to) : counted(to, 'user');
  if (from === to) return end;
  return `${of === 'rate' ? formatRate(from) : formatCount(from)} to ${end}`;
}

const labelWidth = 11;
const valueWidth = 26;

function Figures({ run, width }: { run: LiveRun; width: number }) {
  const last = run.seconds.at(-1)!;
  const room = Math.max(0, Math.min(60, width - labelWidth - valueWidth - 2));
  const ended = run.answered + run.errors;
  const wanted = last.wanted === null ? '' : ` of ${formatRate(last.wanted)} wanted`;
  const time = (ms: number | null) => (ms === null ? '–' : formatDuration(ms));
  const line = (of: (second: LiveSecond) => number | null) => sparkline(run.seconds.map(of), room);
  return (
    <Box flexDirection="column" marginTop={1} marginBottom={1}>
      <Figure label="sent" value={`${formatRate(last.sent)}${wanted}`} line={line(({ sent }) => sent)} />
      {(['p50', 'p95', 'p99'] as const).map((quantile) => (
        <Figure
          key={quantile}
          label={quantile}
          value={`${time(last[quantile])}, in all ${time(run[quantile])}`}
          line={line((second) => second[quantile])}
        />
      ))}
      <Figure
        label="errors"
        value={`${formatCount(run.errors)} (${formatPercent(ended === 0 ? 0 : run.errors / ended, 2)})`}
        line={line(({ errors }) => errors)}
        {...(run.errors > 0 && { color: 'red' })}
      />
      <Figure
        label="under way"
        value={`${formatCount(run.underWay)} on ${formatCount(run.connections)} connections`}
      />
    </Box>
  );
}

function Figure(props: { label: string; value: string; line?: string; color?: string }) {
  const { label, value, line = '', color } = props;
  return (
    <Text wrap="truncate-end">
      <Text dimColor>{label.padEnd(labelWidth)}</Text>
      <Text {...(color !== undefined && { color })}>{value.padEnd(valueWidth)}</Text>
      <Text color={color ?? 'cyan'}> {line}</Text>
    </Text>
  );
}

const standings = { passed: 'holds', failed: 'fails', 'no-data': 'no data' } as const;
const colors = { passed: 'green', failed: 'red', 'no-data': 'yellow' } as const;

function Thresholds({ thresholds }: Pick<LiveRun, 'thresholds'>) {
  return (
    <Box flexDirection="column" marginBottom={1}>
      {thresholds.map(({ expression, verdict }) => (
        <Text key={expression} wrap="truncate-end">
          {verdict === undefined ? (
            <Text dimColor>{'at the end'.padEnd(labelWidth)}</Text>
          ) : (
            <Text color={colors[verdict]}>{standings[verdict].padEnd(labelWidth)}</Text>
          )}
          {escapeLine(expression)}
        </Text>
      ))}
    </Box>
  );
}
