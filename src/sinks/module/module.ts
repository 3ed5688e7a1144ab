/**
 * A site's own module as a sink.
 *
 * Contract: a module is an absolute path to a file that exports `createSink` (ES module or CommonJS); it gets
 * the `[sink]` table without `type`. What it returns is checked, and so is every outcome that it gives later: a
 * site's JavaScript has no compiler to tell it that it forgot one.
 * Failure: problems are lines that name the key, as the configuration's own are; nothing is thrown.
 */
import { statSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Recognise } from '../../mail/recognise.ts';
import { withinDeadline } from '../../system/deadline.ts';
import { errorText } from '../../system/error-text.ts';
import { distrust } from '../../system/trusted-file.ts';
import { quotedLine } from '../answer.ts';
import type { CreateSink, Examination, Lack, Outcome, Sink } from '../sink.ts';
import type { LoadedSink, OnFault, SinkEnvironment, SinkTable } from '../sink-kind.ts';

export { preview } from '../body.ts';

/** How long a module may take to be loaded and to make its sink, and how long it may take to close it. */
const CREATE_MS = 30_000;
const CLOSE_MS = 5000;

/** Loads the module of a `[sink]` table and has it make its sink. */
export function open({ type, ...options }: SinkTable, { onFault }: SinkEnvironment): Promise<LoadedSink> {
  return loadModule(String(type), options, onFault ?? (() => undefined));
}

function refuse(what: string): LoadedSink {
  return { ok: false, problems: [`sink.type: ${what}`] };
}

/**
 * Loads a module and has it make its sink, each within a deadline. Nothing of a file that others may write is run,
 * and no error of the module leaves here.
 */
async function loadModule(path: string, options: SinkTable, onFault: OnFault): Promise<LoadedSink> {
  const shown = JSON.stringify(path);
  let loaded: unknown;
  try {
    // import() reports a missing file and a missing import inside it alike.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
      return refuse(`${shown} is not a file; expected a JavaScript module that exports createSink`);
    // Before a line of it runs.
    const distrusted = distrust(path, 'run');
    if (distrusted !== undefined) return refuse(distrusted);
    loaded = await withinDeadline(CREATE_MS, () => import(pathToFileURL(path).href));
  } catch (error) {
    return refuse(`${shown} cannot be loaded: ${describe(error)}`);
  }
  const createSink = exportedCreateSink(loaded);
  if (createSink === undefined)
    return refuse(`${shown} does not export a function createSink; expected one that returns a sink`);
  let made: unknown;
  try {
    made = await withinDeadline(CREATE_MS, async () => createSink(options));
  } catch (error) {
    return refuse(`createSink of ${shown} failed: ${describe(error)}`);
  }
  const flaw = flawOf(made);
  return flaw === undefined
    ? { ok: true, sink: withChecks(made as object, onFault) }
    : refuse(`createSink of ${shown} returned ${flaw}; expected a sink with deliver and close`);
}

function exportedCreateSink(loaded: unknown): CreateSink | undefined {
  const named = memberOf(loaded, 'createSink');
  // CommonJS whose exports Node cannot see beforehand has them all in `default`.
  const found = named ?? memberOf(memberOf(loaded, 'default'), 'createSink');
  return typeof found === 'function' ? (found as CreateSink) : undefined;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as SinkTable)[name] : undefined;
}

/** Names what keeps a value from being a sink. */
function flawOf(made: unknown): string | undefined {
  if (typeof made !== 'object' || made === null)
    return made === null ? 'null' : `a value of type ${typeof made}`;
  for (const method of ['deliver', 'close']) {
    if (typeof memberOf(made, method) !== 'function') return `an object without a function ${method}`;
  }
  const flawed = [...Object.keys(CHECKS), 'recognise', 'users'].find((method) => {
    const found = memberOf(made, method);
    return found !== undefined && typeof found !== 'function';
  });
  return flawed === undefined
    ? undefined
    : `${/^[aeiou]/.test(flawed) ? 'an' : 'a'} ${flawed} that is no function`;
}

/** The members of a sink. */
type Member = keyof Sink;

/** Members that are answered later, by what their answer promises; `recognise` and `users` have ways of their own. */
type Answering = Exclude<Member, 'recognise' | 'users'>;

/** Makes of what a module gave what its member promises; every member of the port has a line, or this does not compile. */
const CHECKS: {
  readonly [Name in Answering]-?: (given: unknown) => Awaited<ReturnType<Required<Sink>[Name]>>;
} = {
  deliver: checkOutcome,
  created: checkOutcome,
  bounced: checkOutcome,
  exists: (given) => given === true,
  examine: checkExamination,
  findUser: (given) => (typeof given === 'string' && given !== '' ? given : undefined),
  warm: () => undefined,
  close: () => undefined,
};

/** Members that nothing waits for, and how long: what they throw, or never end, is told and holds nothing up. */
const UNAWAITED: Readonly<Partial<Record<Member, number>>> = { warm: 0, close: CLOSE_MS };

/** Makes the same sink, whose answers are answers: what is no outcome is deferred with an operator's alarm. */
function withChecks(made: object, onFault: OnFault): Sink {
  const members = Object.entries(CHECKS).flatMap(([name, check]) => {
    const member = memberOf(made, name);
    if (typeof member !== 'function') return [];
    const call = async (...given: unknown[]): Promise<unknown> =>
      check(await (Reflect.apply(member, made, given) as unknown));
    const withinMs = UNAWAITED[name as Member];
    const tell = (reason: string): void => {
      onFault(`${name}: ${reason}`);
    };
    return [[name, withinMs === undefined ? call : () => unawaited(call, withinMs, tell)] as const];
  });
  const sink = Object.fromEntries(members) as unknown as Sink;
  const recognise = memberOf(made, 'recognise');
  const users = memberOf(made, 'users');
  return {
    ...sink,
    ...(typeof recognise === 'function' ? { recognise: checkedRecognise(made, recognise, onFault) } : {}),
    ...(typeof users === 'function' ? { users: checkedUsers(made, users) } : {}),
  };
}

/** Recognises by a module: what it throws is told, and what it gives is a thread or nothing. */
function checkedRecognise(made: object, recognise: CallableFunction, onFault: OnFault): Recognise {
  return (notification) => {
    try {
      const given: unknown = Reflect.apply(recognise, made, [notification]);
      const [thread, repliedTo] = [memberOf(given, 'thread'), memberOf(given, 'repliedTo')];
      if (typeof thread !== 'string' || thread === '') return undefined;
      return { thread, repliedTo: typeof repliedTo === 'number' ? repliedTo : undefined };
    } catch (error) {
      onFault(`recognise: ${describe(error)}`);
      return undefined;
    }
  };
}

/** Lists the users of a module that have a name and addresses. */
function checkedUsers(made: object, users: CallableFunction): NonNullable<Sink['users']> {
  return async function* (signal) {
    for await (const given of Reflect.apply(users, made, [signal]) as AsyncIterable<unknown>) {
      const [name, addresses] = [memberOf(given, 'name'), memberOf(given, 'addresses')];
      if (typeof name !== 'string' || name === '' || !Array.isArray(addresses)) continue;
      yield { name, addresses: addresses.filter((address) => typeof address === 'string') };
    }
  };
}

/** Calls a member and waits for it so long; resolves whatever it does. */
async function unawaited(
  call: () => Promise<unknown>,
  withinMs: number,
  tell: (reason: string) => void,
): Promise<void> {
  const called = call().catch((error: unknown) => {
    tell(describe(error));
  });
  if (withinMs === 0) return;
  await withinDeadline(withinMs, () => called).catch((error: unknown) => {
    tell(describe(error));
  });
}

/** Reads an outcome as a module gave it; whatever is none defers the post, with an alarm for the operator. */
function checkOutcome(given: unknown): Outcome {
  const kind = memberOf(given, 'kind');
  const text = memberOf(given, 'diagnostic');
  const diagnostic = typeof text === 'string' ? quotedLine(text) : '';
  const code = memberOf(given, 'status');
  const status = typeof code === 'number' ? { status: code } : {};
  if (kind === 'posted' || kind === 'failed') return { kind, diagnostic, ...status };
  if (kind !== 'deferred') {
    const shown = typeof kind === 'string' ? `of kind "${quotedLine(kind)}"` : 'without a kind';
    return { kind: 'deferred', broken: true, diagnostic: `the sink gave an outcome ${shown}` };
  }
  const pause = memberOf(given, 'retryAfterMs');
  return {
    kind,
    diagnostic,
    ...status,
    ...(typeof pause === 'number' && pause > 0 ? { retryAfterMs: pause } : {}),
    ...(memberOf(given, 'broken') === true ? { broken: true } : {}),
  };
}

/** Reads an examination; a member of another type counts as not told. */
function checkExamination(given: unknown): Examination {
  const [status, diagnostic, postsAs] = ['status', 'diagnostic', 'postsAs'].map((name) =>
    memberOf(given, name),
  );
  return {
    status: typeof status === 'number' ? status : undefined,
    diagnostic: typeof diagnostic === 'string' ? quotedLine(diagnostic) : '',
    postsAs: typeof postsAs === 'string' ? quotedLine(postsAs) : 'the sink does not say',
    lack: checkLack(memberOf(given, 'lack')),
  };
}

function checkLack(given: unknown): Lack | undefined {
  const [what, fix] = [memberOf(given, 'what'), memberOf(given, 'fix')];
  if (typeof what !== 'string') return undefined;
  return { what: quotedLine(what), fix: typeof fix === 'string' ? quotedLine(fix) : 'see the sink' };
}

function describe(error: unknown): string {
  return quotedLine(errorText(error));
}
