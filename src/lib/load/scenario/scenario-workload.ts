import { Picker } from '../picker.js';
import { seededRandom } from '../random.js';
import type { Iteration, Workload } from '../workload.js';
import { FeedReader } from './feed.js';
import type { ScenarioPlan, TaskPlan } from './plan.js';
import { type IterationCounts, TaskRun } from './task-run.js';
import { drawWait } from './wait.js';

/** The tasks of a scenario, chosen by weight. */
export class ScenarioWorkload implements Workload {
  isUsedUp = false;
  readonly counts: IterationCounts = { begun: 0, endedEarly: 0, retryAfterObeyed: 0 };
  readonly #plan: ScenarioPlan;
  readonly #picker: Picker<TaskPlan>;
  readonly #feeds: readonly FeedReader[];
  readonly #random: () => number;

  /** @param seed of this thread */
  constructor(plan: ScenarioPlan, seed: number) {
    this.#plan = plan;
    this.#random = seededRandom(seed);
    this.#picker = new Picker(plan.tasks, this.#random);
    this.#feeds = plan.feeds.map((feed) => new FeedReader(feed, this.#random));
  }

  begin(isFirst: boolean): Iteration | undefined {
    const { wait } = this.#plan;
    const task = this.#picker.next();
    const rows = new Map<number, number>();
    for (const feed of task.feeds) {
      const row = this.#feeds[feed]!.take();
      if (row === undefined) {
        this.isUsedUp = true;
        return undefined;
      }
      rows.set(feed, row);
    }
    return new TaskRun(task, rows, {
      feeds: this.#feeds,
      random: this.#random,
      counts: this.counts,
      wait,
      // Users who all begin at once would stay in step for a while.
      ...(isFirst && wait && { pauseMs: this.#random() * drawWait(wait, this.#random) }),
    });
  }
}
