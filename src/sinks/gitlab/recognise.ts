/**
 * The notifications of GitLab about issues and merge requests.
 *
 * Contract: not those about confidential issues, nor those about pipelines, commits, designs and epics.
 * Limits: the header of a mail does not tell an internal note from any other, but which discussion it is in, or which
 * note it is: the sink asks.
 * Sources: gitlabhq/gitlabhq, doc/user/profile/notifications.md (the fields), app/mailers/emails/notes.rb (ConfidentialIssue is
 * of the issue, not of the note), app/mailers/notify.rb (`message_id`, `mail_answer_note_thread`).
 */
import { headerValues } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';

const PATH = /^[\w.-]+(?:\/[\w.-]+)+$/;
const NUMBER = /^[1-9]\d*$/;

/** The Message-ID of a mail about a note of whatever kind. */
const NOTE = /^<(?:[a-z]+_)*note_([1-9]\d{0,17})@[^<>@\s]+>$/;
const DISCUSSION = /^[0-9a-f]{40}$/;

/** Recognises a notification by the fields that name its project, and the issue or the merge request in it. */
export const recognise: Recognise = ({ header }) => {
  const values = (name: string): readonly string[] => headerValues(header, `x-gitlab-${name}`);
  const only = (name: string, form: RegExp): string | undefined => {
    const [value, ...more] = values(name);
    return more.length === 0 && value !== undefined && form.test(value) ? value : undefined;
  };
  const project = only('project-path', PATH);
  if (project === undefined || values('pipeline-id').length > 0) return undefined;
  if (values('confidentialissue').some((value) => value !== 'false')) return undefined;
  // Gitea writes the number of an issue too; the id beside it is GitLab's alone.
  const [issue, request] = ['issue', 'mergerequest'].map((kind) =>
    only(`${kind}-id`, NUMBER) === undefined ? undefined : only(`${kind}-iid`, NUMBER),
  );
  if ((issue === undefined) === (request === undefined)) return undefined;
  const thread = issue === undefined ? `${project}/merge_requests/${request}` : `${project}/issues/${issue}`;
  const discussion = only('discussion-id', DISCUSSION);
  const [id = '', ...others] = headerValues(header, 'message-id');
  const note = others.length === 0 ? NOTE.exec(id)?.[1] : undefined;
  // Every note has both in what GitLab sends now; what has neither is about the issue itself.
  const answered = discussion === undefined ? note && `/notes/${note}` : `/discussions/${discussion}`;
  return { thread: thread + (answered ?? ''), repliedTo: undefined };
};
