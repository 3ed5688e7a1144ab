/**
 * The notes of an issue, and which of them a post is.
 *
 * Contract: a note is a post's when it is by its author, was made since the mail came, and has its text and files; one
 * that is known to be another post's is not, so that two replies with the same words are two notes.
 * Limits: which note is whose is remembered for the last posts of this process; an issue of more than ISSUE_BYTES is
 * not looked through, and takes no replies.
 */
import type { Post } from '../../reply/post.ts';
import { listIn, member, members, type PlatformClient, pathOf, refuse } from '../platform/client.ts';
import { draftText, type TextForm } from '../platform/draft.ts';

const ISSUE_BYTES = 32 * 1024 * 1024;
const MOST_CLAIMS = 10_000;

/** Redmine's times are whole seconds, and so is its clock as its answers tell it. */
const SLACK_MS = 2000;

/** An author as Redmine takes them. */
export interface Author {
  readonly id: number;
  readonly login: string;
  /** The fields that make a request theirs. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds by which Redmine's clock is ahead of ours. */
  readonly aheadMs: number;
}

/** A journal of an issue: a note, files, or changes. */
export interface Journal {
  readonly id: number;
  readonly by: unknown;
  readonly at: number;
  readonly isPrivate: boolean;
  readonly text: string;
  /** The names of its files as Redmine keeps them. */
  readonly files: readonly string[];
}

/** An issue as its author sees it. */
export interface Issue {
  readonly journals: readonly Journal[];
}

/** Reads an issue. */
export async function readIssue(
  client: PlatformClient,
  id: string,
  { headers }: Author,
  signal: AbortSignal,
): Promise<Issue> {
  const request = { path: `${pathOf('issues', id)}.json`, query: { include: 'journals' }, headers };
  const answer = await client.demand({ ...request, answerBytes: ISSUE_BYTES }, signal);
  if (answer.isWhole !== true && Buffer.byteLength(answer.text) >= ISSUE_BYTES / 2)
    throw refuse(`the issue is too long to be looked through, more than ${ISSUE_BYTES} bytes`);
  return { journals: listIn(answer, 'issue', 'journals').map(readJournal) };
}

function readJournal(json: unknown): Journal {
  const notes = member(json, 'notes');
  const details = members(member(json, 'details'));
  const files = details.filter((detail) => member(detail, 'property') === 'attachment');
  return {
    id: Number(member(json, 'id')),
    by: member(json, 'user', 'id'),
    at: Date.parse(String(member(json, 'created_on'))),
    isPrivate: member(json, 'private_notes') === true,
    text: typeof notes === 'string' ? plain(notes) : '',
    files: files.map((file) => String(member(file, 'new_value'))),
  };
}

/** The notes of a Redmine, and whose they are as far as this process made them. */
export interface Notes {
  /** Tells whether an issue holds the note of a post, and remembers it. */
  holds(post: Post, issue: Issue, author: Author): boolean;
  /** The same for a note that was not there before. */
  claim(post: Post, after: Issue, author: Author, before: Issue): boolean;
}

/** Creates the notes of a Redmine whose texts have a form. */
export function createNotes(form: TextForm): Notes {
  const owners = new Map<number, string>();
  const take = (post: Post, found: Journal | undefined): boolean => {
    if (found === undefined) return false;
    owners.set(found.id, post.id);
    for (const oldest of owners.keys()) {
      if (owners.size <= MOST_CLAIMS) break;
      owners.delete(oldest);
    }
    return true;
  };
  const isFree = ({ id }: Journal, post: Post): boolean => (owners.get(id) ?? post.id) === post.id;
  return {
    holds: (post, { journals }, author) => {
      const since = post.receivedAt + author.aheadMs - SLACK_MS;
      return take(
        post,
        journals.find((each) => each.at >= since && isFree(each, post) && isNoteOf(post, each, author, form)),
      );
    },
    claim: (post, { journals }, author, before) => {
      const old = new Set(before.journals.map(({ id }) => id));
      return take(
        post,
        journals.find((each) => !old.has(each.id) && isNoteOf(post, each, author, form)),
      );
    },
  };
}

/** Tells whether a journal is what a post becomes, with the files that it has. */
function isNoteOf(post: Post, { by, text, files }: Journal, author: Author, form: TextForm): boolean {
  if (by !== author.id) return false;
  const left = [...files];
  const refused = post.attachments.filter(({ filename }) => {
    const at = left.indexOf(keptName(filename));
    if (at < 0) return true;
    left.splice(at, 1);
    return false;
  });
  return left.length === 0 && plain(draftText(post, form, refused)) === text;
}

/** Writes a file's name as Redmine keeps it (attachment.rb, sanitize_filename). */
function keptName(name: string): string {
  return name.replace(/^[^]*[\\/]/, '').replace(/[/?%*:|"'<>\n\r]+/g, '_');
}

/** A text without what differs on its way: kinds of line ends, and blanks at the ends. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
