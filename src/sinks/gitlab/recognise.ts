/**
 * The notifications of GitLab about issues and merge requests.
 *
 * Contract: not those about confidential issues, nor those about pipelines, commits, designs and epics.
 * Limits: the header of a mail does not tell an internal note from any other.
 */
import { headerValues } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';

const PATH = /^[\w.-]+(?:\/[\w.-]+)+$/;
const NUMBER = /^[1-9]\d*$/;

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
  return { thread, repliedTo: undefined };
};
