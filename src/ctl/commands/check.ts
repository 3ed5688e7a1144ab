/**
 * `mailgw-ctl check`: what would become of a message, without any of it happening.
 *
 * Contract: 0 when a post would be sent (at once, or after the operator's release), 65 when none would, and then
 * standard error says which step ended its way. People see a line for each rule, then the text split in three, each
 * part in its colour on a terminal; `--json` gives an object for each step with its rules, then the body of the post.
 */

import { badInput, usage } from '../../actions/fault.ts';
import type { Rehearsal, Rehearsed, RehearsedPost, Saw, SplitText, Stage } from '../../actions/rehearse.ts';
import { headerValue, scanHeader } from '../../mail/header.ts';
import { senderOf } from '../../mail/mailbox.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { readMessageFile } from '../message-file.ts';
import { withPepper } from '../session.ts';
import { printFindings } from '../terminal/findings.ts';
import { type Colour, type Output, printObject, printRow, printText, type Value } from '../terminal/print.ts';

/** `check`. */
export const checkCommand: CommandSpec = {
  words: 'check <file>',
  summary: 'try a message out: each verdict, and the post that would be sent',
  options: [
    {
      flags: '--to <address>',
      doc: 'the reply address that it is sent to (with --source by default what its header names)',
    },
    {
      flags: '--from <reverse-path>',
      doc: "the envelope's sender, <> for a bounce (default: Return-Path of the file, else its From)",
    },
    {
      flags: '--source <name>',
      doc: 'as if it came by this mailbox or provider: by whom it is believed, and for whom it is',
    },
  ],
  examples: [
    'check reply.eml --to reply+aiaaaa…@reply.example.org',
    'check reply.eml --source support',
    'check - --to reply+aiaaaa…@reply.example.org --from alice@example.com < reply.eml',
    "check bounce.eml --to reply+aiaaaa…@reply.example.org --from '<>' --json",
  ],
  run: async (input, context) => {
    const source = input.text('source');
    const rehearsals =
      source === undefined ? await byPostfix(input, context) : await bySource(input, context, source);
    for (const rehearsal of rehearsals) report(rehearsal, context);
    if (rehearsals.every(({ post }) => post === undefined)) {
      throw badInput(`${input.argument()}: would not be posted: ${inWords(rehearsals.at(-1)?.steps.at(-1))}`);
    }
  },
};

async function byPostfix(input: Input, context: Context): Promise<readonly Rehearsal[]> {
  const message = readMessage(input);
  return await withPepper(context, async (session) => {
    const { rehearse } = await import('../../actions/rehearse.ts');
    return [await rehearse(session, message)];
  });
}

/** Rehearses a message for every reply address that a source would find in it. */
async function bySource(input: Input, context: Context, source: string): Promise<readonly Rehearsal[]> {
  const raw = readMessageFile(input.argument());
  const [recipient, reversePath] = ['to', 'from'].map((name) => {
    const path = input.text(name);
    return path === undefined ? undefined : withoutBrackets(path);
  });
  return await withPepper(context, async (session) => {
    const { rehearseBySource } = await import('../../actions/rehearse-source.ts');
    return await rehearseBySource(session, source, { raw, recipient, reversePath });
  });
}

function readMessage(input: Input): Rehearsed {
  const to = input.text('to');
  if (to === undefined)
    throw usage(
      'check: neither --to <address> nor --source <name> is given; expected the reply address, or the source that names it',
    );
  const raw = readMessageFile(input.argument());
  const recipient = withoutBrackets(to);
  const from = input.text('from');
  return { raw, recipient, reversePath: from === undefined ? guessReversePath(raw) : withoutBrackets(from) };
}

function withoutBrackets(path: string): string {
  return path.startsWith('<') && path.endsWith('>') ? path.slice(1, -1) : path;
}

/** Stands for a sender of whom the file says nothing; the null reverse-path would make a bounce of it. */
const UNKNOWN_SENDER = 'unknown@sender.invalid';

/** Guesses the sender: the one that the final delivery noted, or else the author of the message. */
function guessReversePath(raw: Uint8Array): string {
  const scan = scanHeader(raw);
  if (!scan.ok) return UNKNOWN_SENDER;
  const noted = headerValue(scan.header, 'return-path');
  if (noted !== undefined) return withoutBrackets(noted);
  const sender = senderOf(scan.header);
  return sender.ok ? sender.mailbox.address : UNKNOWN_SENDER;
}

function inWords(step: Stage | undefined): string {
  if (step === undefined) return 'unknown';
  const what = [step.verdict, step.reason].filter((word) => word !== null).join(' ');
  const answer = step.reply === null ? '' : `, answered "${step.reply}"`;
  return `${step.step} ${what}${step.detail === null ? '' : ` (${step.detail})`}${answer}`;
}

function report({ steps, text, post }: Rehearsal, context: Context): void {
  const { output } = context;
  if (output.json) {
    for (const step of steps) printObject(output, step);
    if (post !== undefined) printObject(output, { step: 'post', body: post.body });
    return;
  }
  printFindings(output, steps.flatMap(linesOf));
  if (post !== undefined) reportPost(post, output);
  if (text !== undefined) reportText(text, output);
}

/** Writes a line for each rule of a stage, or one for a stage that is not the gate's. */
function linesOf({ step, verdict, reason, detail, rules }: Stage): readonly Saw[] {
  if (rules.length > 0) return rules;
  return [{ rule: step, result: verdict, saw: [reason, detail].filter((word) => word !== null).join(': ') }];
}

function reportPost({ fields, attachments }: RehearsedPost, output: Output): void {
  printText(output, '\nThe post:');
  printRow(output, Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, flat(value)])));
  for (const { filename, contentType, bytes, sha256 } of attachments) {
    printRow(output, { attachment: `${filename}, ${contentType}, ${bytes} bytes, sha256 ${sha256}` });
  }
}

/**
 * Reports the text split in three, each part in its colour with what spoke for its cuts. The Markdown follows where
 * the platform gets another one.
 */
function reportText({ markdown, text, quoted, signature, cuts }: SplitText, output: Output): void {
  const because = (wanted: (what: string) => boolean): string =>
    cuts
      .filter(({ what }) => wanted(what))
      .map(({ what, signs }) => `${what}: ${signs.join(', ')}`)
      .join('; ');
  const isOriginal = (what: string): boolean => what === 'quote' || what === 'original';
  const parts: readonly [string, string, Colour][] = [
    [markdown === text ? 'markdown' : 'text', text, 'green'],
    [`quoted (${because(isOriginal)})`, quoted, 'grey'],
    [`signature (${because((what) => !isOriginal(what))})`, signature, 'cyan'],
    ['markdown', markdown === text ? '' : markdown, 'plain'],
  ];
  for (const [name, part, colour] of parts) {
    if (part === '') continue;
    printText(output, `\n${name}:`);
    printText(output, part.replaceAll(/^/gm, '  '), colour);
  }
}

function flat(value: unknown): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  return JSON.stringify(value);
}
