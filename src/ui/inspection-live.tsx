import { Box, render, Text, useApp, useInput } from 'ink';
import { useEffect, useState } from 'react';

import type { InspectResult } from '../lib/cache/inspect/result.js';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../lib/core/units.js';
import type { Context } from '../runtime/context.js';
import { escapeLine } from '../runtime/escape.js';

const refreshMs = 2000;

/**
 * A view that looks again every two seconds until q or Ctrl-C.
 * @returns the last inspection. @throws what the inspection throws.
 */
export async function watchInspection(
  look: () => Promise<InspectResult>,
  context: Pick<Context, 'signal' | 'clock' | 'terminal'>,
): Promise<InspectResult> {
  let last = await look();
  let failure: Error | undefined;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const app = render(
    <Live
      first={last}
      width={context.terminal.width}
      next={async () => {
        await context.clock.sleep(refreshMs, signal);
        return (last = await look());
      }}
      fail={(error) => {
        failure = signal.aborted ? undefined : (error as Error);
      }}
    />,
    { exitOnCtrlC: false, stdout: context.terminal.stdout, stdin: context.terminal.stdin },
  );
  const leave = () => app.unmount();
  context.signal.addEventListener('abort', leave, { once: true });
  await app.waitUntilExit();
  stop.abort();
  if (failure !== undefined) throw failure;
  return last;
}

interface LiveProps {
  first: InspectResult;
  width: number;
  next(): Promise<InspectResult>;
  fail(error: unknown): void;
}

function Live({ first, width, next, fail }: LiveProps) {
  const { exit } = useApp();
  const [[now, before], setLooks] = useState<[InspectResult, InspectResult]>([first, first]);
  useInput((input, key) => {
    if (input === 'q' || key.escape || (key.ctrl && input === 'c')) exit();
  });
  useEffect(() => {
    let open = true;
    const follow = async () => {
      while (open) {
        const look = await next();
        if (open) setLooks(([current]) => [look, current]);
      }
    };
    follow().catch((error: unknown) => {
      fail(error);
      exit();
    });
    return () => {
      open = false;
    };
  }, []);
  return <InspectionView now={now} before={before} width={width} />;
}

/** One look, with what changed since the look before. */
export function InspectionView({
  now,
  before,
  width,
}: {
  now: InspectResult;
  before: InspectResult;
  width: number;
}) {
  const names = Math.max(12, Math.min(32, width - 46));
  const bars = Math.max(0, Math.min(30, width - names - 37));
  const earlier = new Map(before.prefixes.map((prefix) => [prefix.prefix, prefix.keys]));
  return (
    <Box flexDirection="column">
      <Text>
        <Text bold>
          {now.level} at {now.target}
        </Text>
        <Text dimColor> every {formatDuration(refreshMs)}, q leaves</Text>
      </Text>
      <Text>
        {formatCount(now.keys)} keys <Change by={now.keys - before.keys} /> {formatBytes(now.memoryBytes)}
        {now.hitRatio === undefined ? '' : `  hit ratio ${formatPercent(now.hitRatio)}`}
        {now.evictions ? `  ${formatCount(now.evictions)} evicted` : ''}
      </Text>
      <Box marginTop={1} flexDirection="column">
        {now.prefixes.slice(0, 12).map((prefix) => (
          <Box key={prefix.prefix}>
            <Box width={names}>
              <Text wrap="truncate">{escapeLine(prefix.prefix)}</Text>
            </Box>
            <Box width={12} justifyContent="flex-end">
              <Text>{formatCount(prefix.keys)}</Text>
            </Box>
            <Box width={11} justifyContent="flex-end">
              <Change by={prefix.keys - (earlier.get(prefix.prefix) ?? 0)} />
            </Box>
            <Box width={12} justifyContent="flex-end">
              <Text>{formatBytes(prefix.bytes)}</Text>
            </Box>
            <Text color="cyan"> {'█'.repeat(Math.round(prefix.share * bars))}</Text>
          </Box>
        ))}
      </Box>
      {now.advice.length > 0 && (
        <Box marginTop={1} flexDirection="column">
          {now.advice.slice(0, 3).map(({ finding }) => (
            <Text key={finding} color="yellow" wrap="truncate">
              {escapeLine(finding)}
            </Text>
          ))}
        </Box>
      )}
    </Box>
  );
}

function Change({ by }: { by: number }) {
  if (by === 0) return <Text dimColor>=</Text>;
  return <Text color={by > 0 ? 'green' : 'red'}>{`${by > 0 ? '+' : '−'}${formatCount(Math.abs(by))}`}</Text>;
}
