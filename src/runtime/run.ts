import { abortable } from '../lib/core/abortable.js';
import { NotWritten, type UserError } from '../lib/core/errors.js';
import { ExitCode, exitCodeOf, gravest } from '../lib/core/exit-codes.js';
import { FileRoles } from '../lib/core/file-roles.js';
import { systemClock } from '../lib/core/clock.js';
import type { Finished } from './command.js';
import type { LoadedSettings, SettingsInput } from './config/load.js';
import type { Host } from './host.js';
import { watchInterrupts } from './interrupt.js';
import { failureOf } from './failure.js';
import { enterFiles } from './files.js';
import { Messages } from './messages.js';
import { complain, presentEnd } from './presentation.js';
import type { Invocation, Program } from './program.js';
import { openMetrics, rehearseReports, reportChecks } from './reports.js';
import { Running } from './running.js';

/** Runs one parsed command from the lock to the last line of output. @returns the exit code. */
export async function runCommand(invocation: Invocation, host: Host, program: Program): Promise<ExitCode> {
  const { command, input, globals } = invocation;
  const startedAt = new Date();
  const started = performance.now();
  const messages = new Messages(command, globals, host);
  const files = new FileRoles();
  const interrupts = watchInterrupts(
    host.process,
    globals.timeout,
    (reason) => messages.stopping(reason),
    (error) => {
      exitCode = gravest(exitCode, error.exitCode);
      failure ??= error;
      tell();
      host.leave(error.exitCode);
    },
  );
  let exitCode: ExitCode = ExitCode.ok;
  let finished: Finished | undefined;
  let failure: UserError | undefined;
  // A changing command finishes its work, and one that writes data learns of it where it writes.
  if (!command.changes && command.stdout === 'text') host.onClosedStdout(() => host.leave(exitCode));

  const settingsInput: SettingsInput = {
    ...(globals.config === undefined ? {} : { configFile: globals.config }),
    ...(globals.env === undefined ? {} : { environment: globals.env }),
    overrides: overridesOf(command.flags, input),
    env: host.env,
    cwd: host.cwd,
    uid: host.uid,
    home: host.home,
    redactor: host.terminal.redactor,
  };
  const loadFrom = async (from: SettingsInput) => {
    const [{ loadSettings }, sections] = await Promise.all([import('./config/load.js'), program.sections()]);
    return loadSettings(sections, from);
  };
  let loading: Promise<LoadedSettings> | undefined;
  const load = () => (loading ??= loadFrom(settingsInput));

  const running = new Running({
    invocation,
    host,
    program,
    messages,
    files,
    clock: systemClock,
    signal: interrupts.signal,
    settingsInput,
    load,
    loadOther: (environment) => loadFrom({ ...settingsInput, environment }),
    onApplied: () => metrics?.start(),
  });
  const { context, notWritten } = running;
  let told = false;
  const tell = (durationMs = performance.now() - started) => {
    if (told) return;
    told = true;
    const ended = {
      command,
      running,
      finished,
      failure,
      startedAt,
      exitCode,
      problems: notWritten.splice(0),
    };
    presentEnd({ ...ended, durationMs }, messages, host);
  };
  const metrics = await openMetrics(globals.metricsFile, {
    command: command.name.replaceAll(' ', '.'),
    job: globals.job ?? globals.lock ?? '',
    clock: systemClock,
    redactor: host.terminal.redactor,
    counts: () => (running.applied ? command.counts(running.applied.result()) : {}),
    warn: messages.warn,
  });

  try {
    const prepareFiles = async () => {
      await enterFiles(files, invocation, settingsInput, load);
      if (command.changes)
        await rehearseReports({ '--metrics-file': globals.metricsFile, '--junit': globals.junit });
    };
    await abortable(prepareFiles(), interrupts.signal);
    if (globals.lock !== undefined) await holdLock(globals.lock, running, command.name);
    finished = await abortable(command.run(input, context), interrupts.overdue);
  } catch (error) {
    failure = failureOf(error, interrupts.signal);
    if (error instanceof NotWritten && error !== failure) notWritten.push(error);
  }
  await running.close();

  const durationMs = performance.now() - started;
  const concluded = failure?.exitCode ?? exitCodeOf[finished!.verdict];
  const settleExitCode = () =>
    (exitCode = gravest(exitCode, concluded, ...notWritten.map((problem) => problem.exitCode)));
  const reportMetrics = async () => {
    // A file that is another's is not touched.
    if (!metrics || files.clashed) return;
    const ended = {
      success: exitCode === ExitCode.ok,
      durationSeconds: durationMs / 1000,
      timestampSeconds: Date.now() / 1000,
    };
    const result =
      finished?.verdict === 'planned' ? undefined : (finished?.result ?? running.applied?.result());
    const counts = result === undefined ? {} : command.counts(result);
    notWritten.push(...(await metrics.finish({ ended, counts, ...finished?.metrics })));
    settleExitCode();
  };

  const stopped = failure?.message ?? 'metrify stopped before the checks';
  const checks = finished?.checks ?? [
    { name: command.name, ...(finished?.verdict === 'planned' ? {} : { failure: stopped }) },
  ];
  const junit = files.clashed ? undefined : globals.junit;
  notWritten.push(
    ...(await reportChecks(junit, command.name, host.terminal.redactor.data(checks), durationMs)),
  );
  settleExitCode();
  await reportMetrics();
  tell(durationMs);

  const lost = await host.settle();
  if (lost) {
    const saidSuccess = exitCode === ExitCode.ok;
    notWritten.push(lost);
    settleExitCode();
    if (saidSuccess) await reportMetrics();
    complain(notWritten, messages, host);
  }
  interrupts.end();
  return exitCode;
}

async function holdLock(name: string, { context }: Running, command: string): Promise<void> {
  const { acquireLock, lockPath } = await import('./lock.js');
  await context.files.add({ name: '--lock', path: await lockPath(name), access: 'write' });
  const lock = await acquireLock(name, { command });
  context.closing(() => lock.release());
  context.verbose(`holds the lock ${lock.path}`);
}

/** Flags that override a setting, by the setting's path. */
function overridesOf(
  flags: Invocation['command']['flags'],
  input: Record<string, unknown>,
): Record<string, string> {
  const overrides: Record<string, string> = {};
  for (const [key, flag] of Object.entries(flags))
    if (flag.setting !== undefined && input[key] !== undefined) overrides[flag.setting] = String(input[key]);
  return overrides;
}
