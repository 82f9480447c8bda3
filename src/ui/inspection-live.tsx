import { Box, render, Text, useInput } from 'ink';

import type { InspectResult } from '../lib/cache/inspect/result.js';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../lib/core/units.js';
import { escapeLine } from '../runtime/escape.js';
import type { Terminal } from '../runtime/terminal.js';

/** A view of the looks that `show` gives, until a person leaves it. */
export function openInspectionView(
  { width, stdout, stdin, redactor }: Terminal,
  first: InspectResult,
  everyMs: number,
): {
  /** Aborted when q, Escape or Ctrl-C is pressed. */
  readonly left: AbortSignal;
  show(look: InspectResult): void;
  close(): void;
} {
  const left = new AbortController();
  let before = redactor.data(first);
  const element = (now: InspectResult) => (
    <Live now={now} before={before} width={width} everyMs={everyMs} leave={() => left.abort()} />
  );
  const app = render(element(before), { exitOnCtrlC: false, stdout, stdin });
  return {
    left: left.signal,
    show(look) {
      const shown = redactor.data(look);
      app.rerender(element(shown));
      before = shown;
    },
    close: () => app.unmount(),
  };
}

function Live({ leave, ...props }: ViewProps & { leave(): void }) {
  useInput((input, key) => {
    if (input === 'q' || key.escape || (key.ctrl && input === 'c')) leave();
  });
  return <InspectionView {...props} />;
}

interface ViewProps {
  now: InspectResult;
  before: InspectResult;
  width: number;
  everyMs: number;
}

/** One look, with what changed since the look before. */
function InspectionView({ now, before, width, everyMs }: ViewProps) {
  const names = Math.max(12, Math.min(32, width - 46));
  const bars = Math.max(0, Math.min(30, width - names - 37));
  const earlier = new Map(before.prefixes.map((prefix) => [prefix.prefix, prefix.keys]));
  return (
    <Box flexDirection="column">
      <Text>
        <Text bold>
          {now.level} at {now.target}
        </Text>
        <Text dimColor> every {formatDuration(everyMs)}, q leaves</Text>
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
