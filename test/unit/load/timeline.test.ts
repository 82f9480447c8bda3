import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { SoFar } from '../../../src/lib/load/so-far.js';
import { packForThread, packTimelineForThread } from '../../../src/lib/load/packed-tally.js';
import { latenciesOpener, NameTally } from '../../../src/lib/load/tally.js';
import { targetRateBetween } from '../../../src/lib/load/target-rate.js';
import { firstSliceMs, mostSlices, Timeline } from '../../../src/lib/load/timeline.js';
import { timelineOf } from '../../../src/lib/load/timeline-entry.js';

const open = await latenciesOpener();

describe('a timeline', () => {
  it('has at most 240 slices whatever the duration, and loses nothing', () => {
    const ms = fc.array(fc.integer({ min: 0, max: 48 * 3_600_000 }), { maxLength: 200 });
    fc.assert(
      fc.property(ms, (instants) => {
        const timeline = new Timeline(open);
        for (const at of instants) {
          timeline.at(at).sent++;
          timeline.at(at).response.record(5);
        }
        const { slices, sliceMs } = timeline;
        expect(slices.length).toBeLessThanOrEqual(mostSlices);
        expect(Math.log2(sliceMs / firstSliceMs) % 1).toBe(0);
        for (const { startMs, slice } of slices) {
          const mine = instants.filter((at) => at >= startMs && at < startMs + sliceMs);
          expect([slice.sent, slice.expected]).toEqual([mine.length, mine.length]);
        }
        expect(slices.reduce((sum, { slice }) => sum + slice.sent, 0)).toBe(instants.length);
      }),
    );
  });

  it('joins no slices that it need not join', () => {
    const timeline = new Timeline(open);
    timeline.at(mostSlices * firstSliceMs - 1);
    expect(timeline.sliceMs).toBe(firstSliceMs);
    timeline.at(mostSlices * firstSliceMs);
    expect(timeline.sliceMs).toBe(2 * firstSliceMs);
  });

  it('adds up connections of threads, and takes the most of one', () => {
    const [one, other] = [new Timeline(open), new Timeline(open)];
    one.at(0).connections = 3;
    one.at(1000).connections = 5;
    other.at(0).connections = 4;
    one.addParallel(other);
    expect(one.at(0).connections).toBe(7);
    one.atLeast(2 * firstSliceMs);
    expect(one.at(0).connections).toBe(7);
  });

  it('shows seconds in which nothing happened, and the rate that was wanted', () => {
    const timeline = new Timeline(open);
    timeline.at(0).due = 1;
    timeline.at(2400).due = 2;
    timeline.at(4100).ends = 1;
    const stages = [{ durationMs: 2500, from: 0, to: 100 }];
    const entries = timelineOf(timeline, 2500, (from, to) => targetRateBetween(stages, from, to), open);
    expect(
      entries.map(({ startMs, lengthMs, due, targetRate }) => [startMs, lengthMs, due, targetRate]),
    ).toEqual([
      [0, 1000, 1, 20],
      [1000, 1000, 0, 60],
      [2000, 500, 2, expect.closeTo(90)],
      [3000, 1000, 0, null],
      [4000, 1000, 0, null],
    ]);
    expect(entries[1]!.latencyMs.p99).toBeNull();
  });
});

describe('what threads have told so far', () => {
  const report = (elapsedMs: number, seconds: Record<number, number>) => {
    const recent = new Timeline(open, firstSliceMs, Infinity);
    let sent = 0;
    for (const [second, count] of Object.entries(seconds)) {
      recent.at(Number(second) * 1000).starts += count;
      sent += count;
    }
    const watched = new NameTally(open);
    watched.sent = sent;
    return {
      elapsedMs,
      progress: { answered: 0, failed: 0, sent },
      recent: packTimelineForThread(recent),
      watched: [packForThread(watched)],
    };
  };

  it('is a second when all threads are past it, once and in order', () => {
    const told: [startMs: number, starts: number][] = [];
    const soFar = new SoFar(2, open, ({ startMs, slice }) => told.push([startMs, slice.starts]));
    soFar.take(0, report(2500, { 0: 1, 1: 2, 2: 3 }));
    expect(told).toEqual([]);
    soFar.take(1, report(1200, { 0: 10, 1: 20 }));
    expect(told).toEqual([[0, 11]]);
    soFar.take(1, report(2100, { 1: 5 }));
    expect(told).toEqual([
      [0, 11],
      [1000, 27],
    ]);
    soFar.take(0, report(Infinity, {}));
    soFar.take(1, report(Infinity, { 3: 7 }));
    expect(told.slice(2)).toEqual([
      [2000, 3],
      [3000, 7],
    ]);
    expect(soFar.timeline.slices.map(({ slice }) => slice.starts)).toEqual([11, 27, 3, 7]);
  });

  it('does not wait for a thread that died, and forgets what it said', () => {
    const told: number[] = [];
    const soFar = new SoFar(2, open, ({ slice }) => told.push(slice.starts));
    soFar.take(0, report(1000, { 0: 1 }));
    soFar.take(1, report(500, { 0: 10 }));
    soFar.lose(1);
    expect(told).toEqual([1]);
    expect(soFar.progress.sent).toBe(1);
    expect(soFar.watched.map(({ sent }) => sent)).toEqual([1]);
    expect(soFar.timeline.at(0).starts).toBe(1);
  });
});
