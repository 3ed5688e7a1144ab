/**
 * One raw message → one reply. Runs in a worker only: it may take long, and it may die.
 *
 * Contract: gives an outcome for every input; an exception is a bug and ends the worker. The structure of the
 * message is walked by mime/parts.ts, because mailparser joins text parts, believes charsets and has no limits; what that is good
 * at is in mailparser.ts.
 * Standards: RFC 5322, RFC 2047, RFC 3676. Limits: text 512 KiB, HTML 1 MiB, a decoded field 8 KiB.
 */

import type { AttachmentLimits } from '../mail/attachment-limits.ts';
import { isBlankText } from '../mail/charset.ts';
import { readableWords } from '../mail/field-words.ts';
import { type Mailbox, parseMailboxList } from '../mail/mailbox.ts';
import { type FileCandidate, keepAttachments } from './attachments.ts';
import { type ComposedText, composeText } from './compose.ts';
import { cutText } from './field-text.ts';
import { decodeWords, type Fields, readFields } from './fields.ts';
import type { DataPicture } from './html/data-pictures.ts';
import { type Choice, chooseParts } from './mime/choose.ts';
import { declaredName, type MimePart, walkMime } from './mime/parts.ts';
import { openSmime } from './mime/smime.ts';
import { decodeTransfer } from './mime/transfer.ts';
import { partOutcome } from './parted.ts';
import type {
  DigestWish,
  DroppedPart,
  EmptyReason,
  KnownOriginals,
  ParsedReply,
  ParseOutcome,
} from './post.ts';
import type { Known } from './text/known.ts';
import { Sketches } from './text/sketch.ts';
import { TEXT_LIMITS, type TextLimits, Texts } from './texts.ts';

const MAX_NAME_CHARS = 2000;

/** Parses `raw`; `known` is what is remembered of its original. Of a reply to a digest with the wish for its parts. */
export async function parseMessage(
  raw: Uint8Array,
  attachmentLimits: AttachmentLimits,
  textLimits: TextLimits = TEXT_LIMITS,
  known?: KnownOriginals,
  digest?: DigestWish,
): Promise<Exclude<ParseOutcome, { kind: 'worker-died' }>> {
  const message = withoutMailboxLine(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength));
  const tree = openSmime(walkMime(message));
  if (tree.root.type === 'message/partial') return refusal('partial', tree.root);
  const texts = new Texts(textLimits);
  await texts.decodeForeignCharsets(tree);
  const choice = chooseParts(tree, texts);
  const fields = await readFields(tree.root);
  const text = composeText(
    choice.blocks,
    (part) => texts.read(part),
    new KnownFromMail(tree.root, fields, known),
    digest?.labels,
  );
  const sealed = sealedReason(choice, text);
  if (sealed !== undefined) return refusal(sealed, tree.root);
  const files = await Promise.all(choice.files.map((part) => fileCandidate(part, text)));
  const candidates = [...files, ...texts.pictures.map((picture) => pictureCandidate(picture, text))];
  const { attachments, dropped } = keepAttachments(candidates, attachmentLimits);
  const { inReplyTo, subject, date, from } = fields;
  const plain: ParsedReply = {
    inReplyTo,
    subject,
    date,
    from,
    body: {
      markdown: text.reply,
      text: text.reply,
      quoted: text.quoted,
      signature: text.signature,
      cuts: text.cuts,
    },
    attachments,
    dropped: [...dropped, ...leftOut(choice), ...texts.cut, ...formless(text)],
  };
  const reply: ParsedReply = tree.hasSigned ? { ...plain, smimeSignature: 'unverified' } : plain;
  if (isBlankText(text.reply) && attachments.length === 0)
    return { kind: 'empty', reason: emptyReason(text), reply };
  const parsed = { kind: 'parsed', reply } as const;
  return digest === undefined ? parsed : partOutcome(parsed, text.lines ?? [], digest);
}

/**
 * The knowledge of the original that this mail itself has: its Subject, whom it was written to, and where the
 * original's id comes from; and what is remembered of it.
 */
class KnownFromMail implements Known {
  readonly subjects: readonly string[];
  /** Opened once for all forms of the text. */
  readonly sketches: Sketches | undefined;
  readonly #root: MimePart;
  readonly #fields: Fields;
  readonly #remembered: KnownOriginals | undefined;
  #others: readonly Mailbox[] | undefined;

  constructor(root: MimePart, fields: Fields, remembered: KnownOriginals | undefined) {
    this.subjects = [fields.subject];
    this.#remembered = remembered;
    if (remembered !== undefined && remembered.sketches.length > 0)
      this.sketches = new Sketches(remembered.sketches);
    this.#root = root;
    this.#fields = fields;
  }

  /** Reads the people of the mail; asked only where an opening leaves a doubt. */
  get #people(): readonly Mailbox[] {
    this.#others ??= othersIn(this.#root, this.#fields.from.address);
    return this.#others;
  }

  get names(): readonly string[] {
    return [...(this.#remembered?.names ?? []), ...this.#people.map(({ name }) => name)];
  }

  get originalSubjects(): readonly string[] {
    return this.#remembered?.subjects ?? [];
  }

  get addresses(): readonly string[] {
    const domain = /@([^@<>\s]{3,})>?$/.exec(this.#fields.inReplyTo ?? '')?.[1];
    const own = domain === undefined ? [] : [`@${domain}`];
    const remembered = this.#remembered?.addresses ?? [];
    return [...remembered, ...this.#people.map(({ address }) => address), ...own];
  }
}

/** Lists the mailboxes of To and Cc that are not the writer's own. */
function othersIn(root: MimePart, own: string): readonly Mailbox[] {
  const all = root.fields.filter(({ name }) => name === 'to' || name === 'cc').slice(0, 4);
  const mailboxes = all.flatMap(({ value }) => parseMailboxList(value.slice(0, MAX_NAME_CHARS)).mailboxes);
  return mailboxes.filter(({ address }) => address.toLowerCase() !== own.toLowerCase());
}

/** Notes the form that a text lost beyond a limit. */
function formless(text: ComposedText): DroppedPart[] {
  if (text.formless === 0) return [];
  return [{ filename: '', contentType: 'text/html', bytes: text.formless, reason: 'html-limit' }];
}

function pictureCandidate({ contentId, type, content }: DataPicture, text: ComposedText): FileCandidate {
  return {
    name: undefined,
    declaredType: type,
    contentId,
    shownIn: text.shows(contentId),
    content: () => content,
  };
}

type Refusal = Extract<ParseOutcome, { kind: 'refused' }>;

/** Says why the text cannot be had; parts that hide something beside a readable text do no harm. */
function sealedReason(choice: Choice, text: ComposedText): Refusal['reason'] | undefined {
  if (text.encrypted) return 'encrypted';
  const readable = !isBlankText(`${text.reply}${text.quoted}${text.signature}`);
  if (choice.refusal === undefined || (readable && !choice.sealedFirst)) return undefined;
  const secondary = ['report', 'external', 'mime-limit'].includes(choice.refusal);
  return secondary && choice.files.length > 0 ? undefined : choice.refusal;
}

function refusal(reason: Refusal['reason'], root: MimePart): Refusal {
  return {
    kind: 'refused',
    reason,
    diagnostic: `no text can be read: ${reason}, in a message of type ${root.type}`,
  };
}

function emptyReason(text: ComposedText): EmptyReason {
  if (!isBlankText(text.quoted)) return 'only-quoted';
  return isBlankText(text.signature) ? 'no-text' : 'only-signature';
}

/** Takes off a `From ` line of a mailbox file above the header. */
function withoutMailboxLine(raw: Buffer): Buffer {
  if (!/^>?From /.test(raw.toString('latin1', 0, 6))) return raw;
  const lineEnd = raw.indexOf(0x0a);
  return lineEnd === -1 ? raw : raw.subarray(lineEnd + 1);
}

async function fileCandidate(part: MimePart, text: ComposedText): Promise<FileCandidate> {
  const name = declaredName(part);
  const shown = part.contentId === undefined ? 'nowhere' : text.shows(part.contentId);
  return {
    name:
      name?.includes('=?') === true ? await decodeWords(readableWords(cutText(name, MAX_NAME_CHARS))) : name,
    declaredType: part.type,
    contentId: part.contentId,
    shownIn: shown,
    content: () => decodeTransfer(part.source.subarray(part.start, part.end), part.encoding),
  };
}

function leftOut(choice: Choice): DroppedPart[] {
  return choice.leftOut.map(({ part, reason }) => ({
    filename: declaredName(part) ?? '',
    contentType: part.type,
    bytes: part.end - part.start,
    reason,
  }));
}
