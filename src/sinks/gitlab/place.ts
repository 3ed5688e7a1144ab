/**
 * Threads and containers of GitLab: an issue is `GROUP/PROJECT/issues/N`, a merge request `GROUP/PROJECT/merge_requests/N`,
 * with as many groups as there are, with `-/` before the kind or without it, and in the singular too. Behind it may stand
 * what is answered there: `/discussions/ID`, or `/notes/ID`. A container is a project's path.
 */
import type { Post } from '../../reply/post.ts';
import { pathOf, refuse } from '../platform/client.ts';

const PROJECT = String.raw`(?:(?!\.\.?\/)[\w.-]{1,255}\/){1,20}(?!\.\.?(?:\/|$)|-(?:\/|$))[\w.-]{1,255}`;
const THREAD = new RegExp(
  String.raw`^(${PROJECT})\/(?:-\/)?(issue|work_item|merge_request)s?\/([1-9]\d{0,17})` +
    String.raw`(?:\/(discussions|notes)\/([0-9a-f]{40}|[1-9]\d{0,17}))?$`,
);
const CONTAINER = new RegExp(`^${PROJECT}$`);

/** Gives the address of a project's part below the platform's. */
export function pathIn(project: string, ...parts: readonly string[]): string {
  return `/api/v4${pathOf('projects', project, ...parts)}`;
}

/** An issue or a merge request, and its project. */
export interface Place {
  readonly project: string;
  readonly path: string;
  /** What a reply to it answers, where that is known. */
  readonly answered?: Answered;
}

/** A discussion, or a single note. */
export interface Answered {
  readonly kind: 'discussions' | 'notes';
  readonly path: string;
}

/** Reads the thread of a post; throws what it should have been. */
export function placeOf({ thread = '' }: Pick<Post, 'thread'>): Place {
  const [, project, kind, number, part, id] = THREAD.exec(thread) ?? [];
  if (project === undefined || number === undefined)
    throw refuse(
      `thread ${JSON.stringify(thread)} is neither GROUP/PROJECT/issues/N nor GROUP/PROJECT/merge_requests/N`,
    );
  const noun = kind === 'merge_request' ? 'merge_requests' : 'issues';
  const path = pathIn(project, noun, number);
  if (id === undefined) return { project, path };
  const answeredKind = part === 'notes' ? 'notes' : 'discussions';
  return { project, path, answered: { kind: answeredKind, path: path + pathOf(answeredKind, id) } };
}

/** Reads where a new thread begins; throws what it should have been. */
export function projectOf({ newThread }: Pick<Post, 'newThread'>): string {
  const container = newThread?.container ?? '';
  if (!CONTAINER.test(container)) throw refuse(`container ${JSON.stringify(container)} is not GROUP/PROJECT`);
  return container;
}
