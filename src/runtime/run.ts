import { NotWritten, type UserError } from '../lib/core/errors.js';
import { ExitCode, exitCodeOf, gravest } from '../lib/core/exit-codes.js';
import { FileRoles } from '../lib/core/file-roles.js';
import { systemClock } from '../lib/core/clock.js';
import { maskSecrets } from '../lib/core/redact.js';
import { silentProgress } from '../lib/core/progress.js';
import type { Finished } from './command.js';
import type { LoadedSettings, SettingsInput } from './config/load.js';
import { confirmTarget } from './confirm.js';
import type { Context, OutputFormat } from './context.js';
import type { Host } from './host.js';
import { watchInterrupts } from './interrupt.js';
import { failureOf, reportFailure } from './failure.js';
import { configurationRoles, enterFiles } from './files.js';
import { buildEnvelope, printEnvelope } from './output.js';
import { Printer } from './printer.js';
import type { RunMetrics } from './metrics-file.js';
import type { Invocation, Program } from './program.js';
import { showProgress } from './progress.js';
import { reportChecks, reportMetrics } from './reports.js';
import type { Settings } from './settings.js';

const closingMs = 3000;

/** Runs one parsed command from the lock to the last line of output. @returns the exit code. */
export async function runCommand(
  invocation: Invocation,
  host: Host,
  { commands, sections }: Program,
): Promise<ExitCode> {
  const { command, input, globals } = invocation;
  const startedAt = new Date();
  const started = performance.now();
  const format: OutputFormat = globals.json ? 'json' : globals.output!;
  const warnings: string[] = [];
  const notWritten: NotWritten[] = [];
  const files = new FileRoles();
  const closers: (() => Promise<void> | void)[] = [];
  let applied: { result: () => unknown; resume?: (() => string | undefined) | undefined } | undefined;

  const printer = new Printer(host.stdout, {
    wraps: host.terminal.stdoutIsTerminal,
    color: host.color && !globals.noColor,
    width: host.terminal.width,
  });
  const complaint = new Printer(host.stderr, {
    wraps: host.terminal.stderrIsTerminal,
    color: host.terminal.stderrIsTerminal && host.color && !globals.noColor,
    width: host.terminal.width,
  });

  const interrupts = watchInterrupts(
    host.process,
    globals.timeout,
    (reason) => {
      const read = format === 'text' || host.terminal.stderrIsTerminal;
      if (!globals.quiet && read && reason === 'SIGINT')
        complaint.line('stopping safely; press Ctrl-C again to leave at once');
    },
    (error) => host.leave(error.exitCode),
  );
  let exitCode: ExitCode = ExitCode.ok;
  if (!command.changes) host.onClosedStdout(() => host.leave(exitCode));

  const warn = (message: string) => {
    const masked = maskSecrets(message);
    if (warnings.includes(masked)) return;
    warnings.push(masked);
    if (format === 'text' && !globals.quiet) complaint.marked(`${complaint.yellow('warning:')} `, masked);
  };

  const verbose = (message: string) => {
    if (globals.verbose) complaint.line(complaint.dim(maskSecrets(message)));
  };

  const settingsInput: SettingsInput = {
    ...(globals.config === undefined ? {} : { configFile: globals.config }),
    ...(globals.env === undefined ? {} : { environment: globals.env }),
    overrides: overridesOf(command.flags, input),
    env: host.env,
    cwd: host.cwd,
    uid: host.uid,
    home: host.home,
  };
  let loading: Promise<LoadedSettings> | undefined;
  const load = () =>
    (loading ??= Promise.all([import('./config/load.js'), sections()]).then(([{ loadSettings }, known]) =>
      loadSettings(known, settingsInput),
    ));
  let settings: Promise<Settings> | undefined;

  const context: Context = {
    settings: () =>
      (settings ??= load().then(async (loaded) => {
        loaded.warnings.forEach(warn);
        await files.add(...configurationRoles(loaded));
        verbose(
          `${loaded.file ?? 'no configuration file'}, environment ${loaded.settings.environment}; ` +
            'every setting and where it is from: metrify config show',
        );
        return loaded.settings;
      })),
    settingsInput,
    load,
    sections,
    files,
    clock: systemClock,
    signal: interrupts.signal,
    terminal: host.terminal,
    cwd: host.cwd,
    env: host.env,
    output: format,
    dryRun: globals.dryRun ?? false,
    self: host.self,
    pid: host.process.pid,
    commands,
    narrator: format === 'text' ? printer : complaint,
    warn,
    notWritten: (problem) => void notWritten.push(problem),
    verbose,
    progress: (label) =>
      globals.quiet || format !== 'text'
        ? { ...silentProgress, end() {} }
        : showProgress(label, host.terminal),
    closing: (close) => closers.push(close),
    applied: (result, resume) => (applied = { result, resume }),
    confirmTarget: (name, what) =>
      confirmTarget(name, what, host.terminal, {
        given: globals.confirm,
        ask: host.terminal.interactive && !globals.noInput && format === 'text',
        signal: interrupts.signal,
      }),
  };

  let finished: Finished | undefined;
  let failure: UserError | undefined;
  try {
    await enterFiles(files, invocation, settingsInput, load);
    if (globals.lock !== undefined) {
      const { acquireLock, lockPath } = await import('./lock.js');
      await files.add({ name: '--lock', path: await lockPath(globals.lock), access: 'write' });
      const lock = await acquireLock(globals.lock, { command: command.name });
      closers.push(() => lock.release());
      verbose(`holds the lock ${lock.path}`);
    }
    finished = await command.run(input, context);
  } catch (error) {
    failure = failureOf(error, interrupts.signal);
    if (error instanceof NotWritten && error !== failure) notWritten.push(error);
  }
  await closeAll(closers);

  const durationMs = performance.now() - started;
  const concluded = failure?.exitCode ?? exitCodeOf[finished!.verdict];
  const metrics = (): RunMetrics => ({
    command: command.name.replaceAll(' ', '.'),
    job: globals.job ?? globals.lock ?? '',
    success: exitCode === ExitCode.ok,
    durationSeconds: durationMs / 1000,
    timestampSeconds: Date.now() / 1000,
    items: finished?.items ?? {},
  });
  const settleExitCode = () =>
    (exitCode = gravest(exitCode, concluded, ...notWritten.map((problem) => problem.exitCode)));

  // Files that are another's are not touched.
  const { junit, metricsFile } = files.clashed ? {} : globals;
  const checks = finished?.checks ?? [
    { name: command.name, failure: failure?.message ?? 'metrify stopped before the checks' },
  ];
  notWritten.push(...(await reportChecks(junit, command.name, checks, durationMs)));
  settleExitCode();
  notWritten.push(...(await reportMetrics(metricsFile, metrics())));
  settleExitCode();

  const report = { format, printer: complaint, host, verbose: globals.verbose };
  const complain = () => notWritten.splice(0).forEach((problem) => reportFailure(problem, report));
  const verdict = exitCode === concluded ? finished?.verdict : undefined;
  const said = [...warnings, ...notWritten.map((problem) => maskSecrets(problem.message))];
  const envelope = (result: unknown) =>
    buildEnvelope(command.name, exitCode, startedAt, durationMs, result, said, verdict);
  if (finished) {
    if (format === 'text') finished.present(printer);
    complain();
    if (format !== 'text') printEnvelope(envelope(finished.result), format, command.items, host);
  } else {
    if (applied) {
      const result = applied.result();
      if (format === 'text') command.present(result, printer, context);
      else printEnvelope(envelope(result), 'json', undefined, host);
    }
    // With JSON the failure is one line, which carries them as warnings unless the envelope does.
    if (format === 'text') complain();
    notWritten.length = 0;
    reportFailure(failure!, {
      ...report,
      resume: applied?.resume?.(),
      warnings: applied ? [] : said,
    });
  }

  const lost = await host.settle();
  if (lost) {
    const saidSuccess = exitCode === ExitCode.ok;
    notWritten.push(lost);
    settleExitCode();
    if (saidSuccess) notWritten.push(...(await reportMetrics(metricsFile, metrics())));
    complain();
  }
  interrupts.dispose();
  return exitCode;
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

/** Last opened first; one that hangs or fails doesn't keep the others from being closed. */
async function closeAll(closers: (() => Promise<void> | void)[]): Promise<void> {
  for (const close of closers.reverse()) {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, closingMs)));
    await Promise.race([
      Promise.resolve()
        .then(close)
        .catch(() => {}),
      limit,
    ]);
    clearTimeout(timer);
  }
}
